"""Tests a gateway that can serve no model, or has no store yet: it says what it waits for.

A model that is missing holds up its own pool, and no rollout of gateways.
"""

from collections.abc import Iterator

import pytest

from testkit.door import Door
from testkit.servers import MlflowServer
from testkit.stack import Process, Stack
from testkit.waiting import until
from tests.gateway.support import GOOD, HTTP, MODEL, problem
from tests.gateway.test_unserved import ready, version

MISSING = "not-registered-yet"


@pytest.fixture
def stack(own_stack: Stack) -> Stack:
    """No gateway yet; its first pool's model is not registered."""
    own_stack.env |= {"REGISTRY_REFRESH_S": "0.2", "MODEL_URIS": f"models:/{MISSING}@production"}
    return own_stack


@pytest.fixture
def door(mlflow_server: MlflowServer) -> Iterator[Door]:
    """Another address of the registry, where nobody answers until the test opens it."""
    door = Door(mlflow_server.port)
    yield door
    door.close()


def waiting(gateway: Process) -> bool:
    """Whether it answers that it waits for a model."""
    said = ready(gateway, 503)
    return bool(said and "has no models:/" in said[MISSING]["problem"])


def test_a_gateway_without_any_model_is_ready_names_it_and_tells_what_it_can(stack: Stack) -> None:
    """A Service leads to it, so callers read why they are refused and what they had accepted."""
    gateway = stack.add_gateway()
    body = HTTP.get(f"{gateway.url}/readyz").json()
    (warning,) = [text for text in body["warnings"] if "No model can be served" in text]
    assert f"has no models:/{MISSING}@production: register it, or set its alias" in warning
    assert body["models"][MISSING]["version"] is None
    refused = HTTP.post(f"{gateway.url}/predict/async/", json={"features": GOOD})
    assert problem(refused, 503)["type"] == "urn:inference:model-unavailable"
    queues = HTTP.get(f"{gateway.url}/monitoring/queues")
    assert (queues.status_code, queues.json()["queues"][0]["model"]) == (200, MISSING)
    second = stack.add_gateway(MODEL_URIS=f"{stack.env['MODEL_URIS']},models:/{MODEL}@production")
    assert HTTP.get(f"{second.url}/readyz").json()["warnings"] == []
    assert (version(second, MISSING), version(second, MODEL)) == (None, "1")


def test_it_says_at_once_in_its_log_what_it_serves_and_what_it_misses(stack: Stack) -> None:
    gateway = stack.add_gateway()
    (started,) = gateway.events("gateway.starting")
    assert started["models"] == {MISSING: f"models:/{MISSING}@production"}
    (unserved,) = gateway.events("registry.unserved")
    assert unserved["model"] == MISSING
    assert "register it, or set its alias" in unserved["reason"]
    assert [event["unserved"] for event in gateway.events("gateway.started")] == [[MISSING]]


def test_one_that_is_told_to_wait_for_a_model_is_not_ready_and_says_so(stack: Stack) -> None:
    gateway = stack.start_gateway(WAIT_FOR_MODEL_S="300")
    until(lambda: waiting(gateway), "the gateway to say what it waits for", 90)
    detail = HTTP.get(f"{gateway.url}/readyz").json()["detail"]
    assert "This gateway waits for one, for " in detail


def test_a_registry_that_is_away_at_the_start_is_waited_for_without_an_end(
    stack: Stack, door: Door
) -> None:
    uri = f"models:/{MODEL}@production"
    stack.env |= {"MODEL_URIS": uri, "WAIT_FOR_MODEL_S": "300"}
    gateway = stack.start_gateway(START_TIMEOUT_S="1", MLFLOW_TRACKING_URI=door.url)
    said = f"the registry at {door.url} did not give {uri}"
    until(
        lambda: (models := ready(gateway, 503)) and models[MODEL]["problem"].startswith(said),
        "the gateway to say what it misses",
        90,
    )
    assert HTTP.get(f"{gateway.url}/livez").status_code == 200
    door.open()
    until(lambda: version(gateway, MODEL) == "1", "the model to be served")


def test_a_store_that_is_away_at_the_start_is_named_in_the_log_at_once(stack: Stack) -> None:
    door = Door(stack.valkey.port)
    gateway = stack.start_gateway(STORE_URL=f"redis://127.0.0.1:{door.port}/0")
    until(lambda: gateway.events("store.awaited"), "the gateway to say what it waits for", 90)
    (waits,) = gateway.events("store.awaited")
    assert waits["reason"]
    door.open()
    until(lambda: ready(gateway), "it to be ready", 60)
    assert len(gateway.events("store.awaited")) == 1
    door.close()
