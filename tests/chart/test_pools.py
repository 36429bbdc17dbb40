"""Several pools: what each is called and which model it serves."""

import json
import re

import pytest
import yaml

from app.contract.ids import MODEL_NAME
from app.contract.moves import Limits
from app.contract.redis_store.calls import Moves
from scripts.charts.tools import CHART, ROOT
from tests.chart.rendering import OWN_PARTS, SCENARIOS, TRYOUT, Json, Objects, merged, render, scenario

SCHEMA: Json = json.loads((CHART / "values.schema.json").read_text(encoding="utf-8"))["properties"]
CANARY: Json = {
    "api": {"defaultPool": "match-outcome"},
    "workerPools": {"match-outcome-canary": {"modelUri": "models:/match-outcome@canary"}},
}


def told(rendered: Objects, ending: str) -> dict[str, str]:
    """The variables of a Deployment's container."""
    return rendered.environment(rendered.one("Deployment", ending)["spec"]["template"]["spec"]["containers"][0])


@pytest.mark.parametrize(
    "name", ["a", "7", "match-outcome-canary", "a" * 40, "a" * 41, "", "Upper", "-a", "a-", "a_b", "a.b", "a=b"]
)
def test_a_pool_s_name_is_one_that_the_programs_take(name: str) -> None:
    (pattern,) = SCHEMA["workerPools"]["patternProperties"]
    assert bool(re.search(pattern, name)) == bool(MODEL_NAME.fullmatch(name))


def test_a_second_pool_of_a_model_has_a_name_a_queue_and_a_number_of_workers_of_its_own() -> None:
    rendered = render(merged(TRYOUT, CANARY))
    canary = told(rendered, "worker-match-outcome-canary")
    assert (canary["MODEL_URI"], canary["POOL"]) == ("models:/match-outcome@canary", "match-outcome-canary")
    trigger = rendered.one("ScaledObject", "worker-match-outcome-canary")["spec"]["triggers"][0]["metadata"]
    assert trigger["listName"] == Moves("inference", Limits()).prefix("match-outcome-canary") + ":outstanding"
    other = rendered.one("ScaledObject", "worker-match-outcome")["spec"]["triggers"][0]["metadata"]
    assert other["listName"] == Moves("inference", Limits()).prefix("match-outcome") + ":outstanding"
    labels = rendered.one("Deployment", "worker-match-outcome-canary")["spec"]["template"]["metadata"]["labels"]
    assert (labels["inference/pool"], labels["inference/model"]) == ("match-outcome-canary", "match-outcome")


@pytest.mark.parametrize("default", ["match-outcome", "match-outcome-canary"])
def test_the_gateway_knows_a_pool_by_its_name_where_that_is_not_its_model_s_the_default_first(default: str) -> None:
    uris = told(render(merged(TRYOUT, CANARY, {"api": {"defaultPool": default}})), "api")["MODEL_URIS"].split(",")
    served = {
        "match-outcome": "models:/match-outcome@production",
        "match-outcome-canary": "match-outcome-canary=models:/match-outcome@canary",
    }
    assert uris[0] == served[default]
    assert sorted(uris) == sorted(served.values())


@pytest.mark.parametrize("name", [name for name in SCENARIOS if name != "production"])
def test_a_pool_that_is_named_like_its_model_is_told_no_name(name: str) -> None:
    rendered = scenario(name)
    assert "=" not in told(rendered, "api")["MODEL_URIS"]
    for deployment in rendered.of("Deployment"):
        assert "POOL" not in told(rendered, deployment)


@pytest.mark.parametrize("page", ["charts/inference/README.md", "docs/models.md"])
def test_the_values_that_the_pages_show_are_taken(page: str) -> None:
    """Together, as who reads the page from the top would have them."""
    blocks = re.findall(r"^```yaml\n(.*?)^```", (ROOT / page).read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    shown = merged(*map(yaml.safe_load, blocks))
    pools = {"match-outcome", *shown["workerPools"]}
    rendered = render(shown if "store" in shown else merged(OWN_PARTS, shown))
    assert {each["metadata"]["labels"]["inference/pool"] for each in rendered.of("ScaledObject").values()} == pools
    assert len(pools) == 3
