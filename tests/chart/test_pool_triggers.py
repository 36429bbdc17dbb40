"""What else KEDA is told of a pool: more triggers, a rest at zero, and a number for an outage."""

import re
from textwrap import dedent

import pytest
import yaml

from scripts.charts.tools import ROOT
from tests.chart.rendering import OWN_PARTS, TRYOUT, Json, merged, render, scenario
from tests.chart.test_scaling import scaled


def with_scaling(**values: object) -> Json:
    own = merged(TRYOUT, {"workerPools": {"match-outcome": {"autoscaling": values}}})
    return scaled(render(own), "match-outcome")


def test_more_triggers_come_after_the_one_that_counts_the_work() -> None:
    """KEDA takes texts alone in metadata, and people write numbers."""
    triggers = scaled(scenario("pools"), "worker-ranking")["triggers"]
    assert [each["type"] for each in triggers] == ["redis", "cron", "prometheus"]
    assert triggers[1]["metadata"] == {
        "timezone": "Europe/Berlin",
        "start": "30 7 * * 1-5",
        "end": "0 18 * * 1-5",
        "desiredReplicas": "3",
    }
    assert triggers[2]["metadata"]["threshold"] == "100"
    assert triggers[2]["metadata"]["ignoreNullValues"] == "false"
    assert triggers[2]["authenticationRef"] == {"name": "prometheus"}
    assert (triggers[2]["name"], triggers[2]["metricType"]) == ("callers", "AverageValue")


def test_a_pool_may_rest_at_zero_and_start_with_several() -> None:
    spec = scaled(scenario("pools"), "worker-ranking")
    assert (spec["idleReplicaCount"], spec["minReplicaCount"]) == (0, 2)
    assert "idleReplicaCount" not in with_scaling(minReplicas=2)


@pytest.mark.parametrize("behavior", ["static", "currentReplicas", "currentReplicasIfLower"])
def test_an_outage_of_the_store_may_have_a_number_of_its_own(behavior: str) -> None:
    given = {"replicas": 2, "failureThreshold": 5, "behavior": behavior}
    assert with_scaling(fallback=given)["fallback"] == given


def test_unless_told_it_takes_no_worker_away_and_is_never_zero() -> None:
    assert with_scaling(fallback={"replicas": 1})["fallback"] == {
        "replicas": 1,
        "failureThreshold": 3,
        "behavior": "currentReplicasIfHigher",
    }
    assert "fallback" not in with_scaling(fallback={"replicas": 0})


def test_the_values_that_the_page_of_pools_shows_are_taken() -> None:
    page = (ROOT / "docs" / "pools.md").read_text(encoding="utf-8")
    blocks = [
        yaml.safe_load(dedent(block))
        for block in re.findall(r"^  ```yaml\n(.*?)^  ```", page, re.MULTILINE | re.DOTALL)
    ]
    assert len(blocks) == 2
    rendered = render(merged(OWN_PARTS, {"workerPools": {"match-outcome": merged(*blocks)}}))
    assert scaled(rendered, "match-outcome")["triggers"][1]["metadata"]["desiredReplicas"] == "2"
    assert rendered.of("ResourceClaimTemplate")
