"""A canary's share is one value, which gateways alone are told."""

from typing import Any

import pytest

from app.canaries import Canary
from app.settings import GatewaySettings
from tests.chart.rendering import OWN_PARTS, Json, Objects, merged, render, scenario


def with_share(percent: Any, **more: Any) -> Json:
    canary = {
        "modelUri": "models:/match-outcome@canary",
        "canary": {"of": "match-outcome", "trafficPercent": percent},
    }
    return merged(
        OWN_PARTS,
        {
            "api": {"defaultPool": "match-outcome"},
            "workerPools": {"match-outcome-canary": canary | more},
        },
    )


def gateway(rendered: Objects) -> dict[str, str]:
    pod = rendered.one("Deployment", "-api")["spec"]["template"]["spec"]
    return rendered.environment(pod["containers"][0])


def objects(rendered: Objects) -> dict[str, Json]:
    return {f"{each['kind']}/{each['metadata']['name']}": each for each in rendered.all}


@pytest.mark.parametrize("percent", [0, 1, 0.5, 12.25, 100])
def test_gateways_read_the_share_that_was_set(percent: float) -> None:
    told = gateway(render(with_share(percent)))
    settings = GatewaySettings(model_uris=told["MODEL_URIS"], canaries=told["CANARIES"])
    assert settings.canary_shares == (Canary("match-outcome-canary", "match-outcome", percent),)


def test_without_a_canary_gateways_are_told_of_none() -> None:
    assert "CANARIES" not in gateway(scenario("many"))
    assert "match-outcome-next=match-outcome:0" in gateway(scenario("canary"))["CANARIES"]


def test_moving_the_share_changes_the_gateways_and_nothing_else() -> None:
    one, half = objects(render(with_share(1))), objects(render(with_share(50)))
    assert [name for name in one if one[name] != half[name]] == ["Deployment/inference-api"]
    pods = [each["Deployment/inference-api"]["spec"]["template"]["spec"] for each in (one, half)]
    told = [{each["name"]: each for each in pod["containers"][0]["env"]} for pod in pods]
    assert [name for name in told[0] if told[0][name] != told[1][name]] == ["CANARIES"]


def test_no_worker_is_replaced_when_a_canary_gets_its_first_share() -> None:
    none, first = objects(render(with_share(0))), objects(render(with_share(1)))
    assert [name for name in none if none[name] != first[name]] == [
        "Deployment/inference-api",
        "ScaledObject/inference-worker-match-outcome-canary",
    ]


@pytest.mark.parametrize(("percent", "asked", "kept"), [(0, 0, 0), (0.5, 0, 1), (10, 2, 2)])
def test_a_canary_with_a_share_keeps_a_worker(percent: float, asked: int, kept: int) -> None:
    """Gateways send it nothing while it has none, and then KEDA would start none."""
    rendered = render(with_share(percent, autoscaling={"minReplicas": asked}))
    scaled = rendered.one("ScaledObject", "-match-outcome-canary")["spec"]
    assert scaled["minReplicaCount"] == kept
    assert rendered.one("ScaledObject", "worker-match-outcome")["spec"]["minReplicaCount"] == 0
