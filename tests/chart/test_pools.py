"""Tests the names of several pools, the model that each serves, and a trial.

A trial must register the models of all its pools.
"""

import importlib
import json
import re

import pytest
import yaml

from app.settings import GatewaySettings
from inference.ids import MODEL_NAME
from inference.limits import Limits
from inference.store.redis.commands import Commands
from scripts.charts.tools import CHART, ROOT
from tests.chart.rendering import (
    OWN_PARTS,
    SCENARIOS,
    TRYOUT,
    Json,
    Objects,
    merged,
    render,
    scenario,
)
from worker.settings import WorkerSettings

SCHEMA: Json = json.loads((CHART / "values.schema.json").read_text(encoding="utf-8"))["properties"]
TRAINABLE: list[str] = SCHEMA["tryout"]["properties"]["training"]["properties"]["models"]["items"][
    "enum"
]
CANARY: Json = {
    "api": {"defaultPool": "match-outcome"},
    "workerPools": {"match-outcome-canary": {"modelUri": "models:/match-outcome@canary"}},
}


def told(rendered: Objects, ending: str) -> dict[str, str]:
    """The variables of a Deployment's container."""
    return rendered.environment(
        rendered.one("Deployment", ending)["spec"]["template"]["spec"]["containers"][0]
    )


def registering(rendered: Objects) -> dict[str, Json]:
    """The Jobs that register a model, by its name."""
    jobs = [each for name, each in rendered.of("Job").items() if "-train-" in name]
    return {
        each["spec"]["template"]["metadata"]["labels"]["inference/model"]: each for each in jobs
    }


@pytest.mark.parametrize(
    "name",
    [
        "a",
        "7",
        "match-outcome-canary",
        "a" * 40,
        "a" * 41,
        "",
        "Upper",
        "-a",
        "a-",
        "a_b",
        "a.b",
        "a=b",
    ],
)
def test_a_pool_s_name_is_one_that_the_programs_take(name: str) -> None:
    (pattern,) = SCHEMA["workerPools"]["patternProperties"]
    assert bool(re.search(pattern, name)) == bool(MODEL_NAME.fullmatch(name))


def test_a_second_pool_of_a_model_has_a_name_a_queue_and_a_number_of_workers_of_its_own() -> None:
    rendered = render(merged(TRYOUT, CANARY))
    canary = told(rendered, "worker-match-outcome-canary")
    assert (canary["MODEL_URI"], canary["POOL"]) == (
        "models:/match-outcome@canary",
        "match-outcome-canary",
    )
    trigger = rendered.one("ScaledObject", "worker-match-outcome-canary")["spec"]["triggers"][0][
        "metadata"
    ]
    assert (
        trigger["listName"]
        == Commands("predictions-inference", Limits()).prefix("match-outcome-canary")
        + ":outstanding"
    )
    other = rendered.one("ScaledObject", "worker-match-outcome")["spec"]["triggers"][0]["metadata"]
    assert (
        other["listName"]
        == Commands("predictions-inference", Limits()).prefix("match-outcome") + ":outstanding"
    )
    labels = rendered.one("Deployment", "worker-match-outcome-canary")["spec"]["template"][
        "metadata"
    ]["labels"]
    assert (labels["inference/pool"], labels["inference/model"]) == (
        "match-outcome-canary",
        "match-outcome",
    )


@pytest.mark.parametrize("model", ["fraud_detection", "My Model, new", "x@y", "été" * 80, "a=b"])
def test_a_pool_may_serve_a_model_of_any_name(model: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The programs read of the chart's variables what was meant."""
    uri = f"models:/{model}@production"
    fraud = {"api": {"defaultPool": "match-outcome"}, "workerPools": {"fraud": {"modelUri": uri}}}
    rendered = render(merged(OWN_PARTS, fraud))
    for name, value in told(rendered, "worker-fraud").items():
        monkeypatch.setenv(name, value)
    worker = WorkerSettings()
    assert (worker.model, worker.model_name, worker.model_uri) == ("fraud", model, uri)
    gateway = GatewaySettings(model_uris=told(rendered, "api")["MODEL_URIS"])
    assert gateway.pools == {
        "match-outcome": "models:/match-outcome@production",
        "fraud": uri,
    }
    label = rendered.one("Deployment", "worker-fraud")["metadata"]["labels"]["inference/model"]
    assert re.fullmatch(r"[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?", label)


@pytest.mark.parametrize("default", ["match-outcome", "match-outcome-canary"])
def test_the_gateway_knows_a_pool_by_its_name_where_that_is_not_its_model_s_the_default_first(
    default: str,
) -> None:
    uris = told(render(merged(TRYOUT, CANARY, {"api": {"defaultPool": default}})), "api")[
        "MODEL_URIS"
    ].split(",")
    served = {
        "match-outcome": "models:/match-outcome@production",
        "match-outcome-canary": "match-outcome-canary=models:/match-outcome@canary",
    }
    assert uris[0] == served[default]
    assert sorted(uris) == sorted(served.values())


@pytest.mark.parametrize("name", [name for name in SCENARIOS if name != "production"])
def test_a_pool_that_is_named_like_its_model_is_told_no_name(name: str) -> None:
    rendered = scenario(name)
    named = {
        deployment: told(rendered, deployment).get("POOL")
        for deployment in rendered.of("Deployment")
    }
    own = {
        "many": {"predictions-worker-steady-next": "steady-next"},
        "canary": {
            f"inference-worker-match-outcome-{pool}": f"match-outcome-{pool}"
            for pool in ("canary", "next")
        },
    }.get(name, {})
    assert {deployment: pool for deployment, pool in named.items() if pool} == own
    assert told(rendered, "api")["MODEL_URIS"].count("=") == len(own)


def test_a_trial_of_both_pools_registers_both_models_as_they_are_served() -> None:
    rendered = scenario("both")
    jobs = registering(rendered)
    assert set(jobs) == set(TRAINABLE) == {"match-outcome", "image-classifier"}
    for model, job in jobs.items():
        (container,) = job["spec"]["template"]["spec"]["containers"]
        program = importlib.import_module(container["command"][2])
        options = program._parse(container["args"])
        assert program._parse(["--tracking-uri", options.tracking_uri]).name == model, (
            "another model under this name"
        )
        worker = told(rendered, f"worker-{model}")
        assert f"models:/{options.name}@{options.alias}" == worker["MODEL_URI"]
        assert options.tracking_uri == worker["MLFLOW_TRACKING_URI"]
        assert options.if_missing


def test_one_more_model_is_one_more_job_and_the_others_do_not_run_again() -> None:
    one, both = scenario("tryout"), scenario("both")
    assert set(registering(one)) == {"match-outcome"}
    assert registering(one)["match-outcome"] == registering(both)["match-outcome"]
    names = [each["metadata"]["name"] for each in registering(both).values()]
    assert len(set(names)) == 2


def test_a_model_without_a_pool_may_be_registered_and_one_registered_by_hand_served() -> None:
    idle = render(merged(TRYOUT, {"tryout": {"training": {"models": TRAINABLE}}}))
    assert set(registering(idle)) == set(TRAINABLE)
    by_hand = {
        "tryout": {"training": {"enabled": False}},
        "workerPools": {"match-outcome": {"enabled": False}},
    }
    images = {
        "workerPools": {"image-classifier": {"modelUri": "models:/image-classifier@production"}}
    }
    assert not registering(render(merged(TRYOUT, by_hand, images)))
    ones_own_alias = {"workerPools": {"match-outcome": {"modelUri": "models:/match-outcome@mine"}}}
    render(
        merged(TRYOUT, ones_own_alias, {"tryout": {"training": {"models": ["image-classifier"]}}})
    )


@pytest.mark.parametrize("page", ["charts/inference/README.md", "docs/models.md"])
def test_the_values_that_the_pages_show_are_taken(page: str) -> None:
    """Together, as a reader of the page from the top would have them.

    A later block that says another store is an alternative to the first.
    """
    blocks = [
        yaml.safe_load(block)
        for block in re.findall(
            r"^```yaml\n(.*?)^```",
            (ROOT / page).read_text(encoding="utf-8"),
            re.MULTILINE | re.DOTALL,
        )
    ]
    others = [block for block in blocks[1:] if "store" in block]
    shown = merged(*(block for block in blocks if block not in others))
    pools = {"match-outcome", *shown["workerPools"]}
    assert len(pools) == 3
    alone = {name: value for name, value in shown.items() if name not in ("store", "broker")}
    for values in (shown, *(merged(alone, other) for other in others)):
        rendered = render(values if "store" in values else merged(OWN_PARTS, values))
        assert {
            each["metadata"]["labels"]["inference/pool"]
            for each in rendered.of("ScaledObject").values()
        } == pools


def test_a_pool_takes_what_it_does_not_say_from_the_defaults_and_false_is_something_said() -> None:
    values = {
        "workerPoolDefaults": {"env": {"LOG_LEVEL": "DEBUG"}, "runLimitSeconds": 60},
        "workerPools": {
            "match-outcome": {"env": {"A": 0}, "pdb": {"enabled": False}, "batch": {"maxSize": 4}}
        },
    }
    rendered = render(merged(TRYOUT, values))
    told = rendered.environment(
        rendered.one("Deployment", "match-outcome")["spec"]["template"]["spec"]["containers"][0]
    )
    assert (told["LOG_LEVEL"], told["A"], told["RUN_LIMIT_S"], told["MAX_BATCH_SIZE"]) == (
        "DEBUG",
        "0",
        "60",
        "4",
    )
    assert set(rendered.of("PodDisruptionBudget")) == {"inference-api"}
