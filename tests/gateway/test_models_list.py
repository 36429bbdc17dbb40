"""Tests `GET /models`: all models of a gateway, served or not, with their workers."""

from collections.abc import Iterator
from typing import Any

import pytest

from inference.store.messages import HeartbeatRequest, WorkerState
from testkit.servers import Valkey
from testkit.stack import Process, Stack
from testkit.waiting import until
from tests.gateway.support import HTTP, MODEL, FakeWorker, problem

MISSING = "listed-later"
BY_VERSION = f"{MODEL}-one"
NOBODY = {"loading": 0, "idle": 0, "busy": 0, "draining": 0, "versions": {}}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Valkey]:
    """A Valkey that a test may kill and start again."""
    server = Valkey(tmp_path_factory.mktemp("valkey"))
    server.start()
    yield server
    server.kill()


@pytest.fixture(scope="module")
def gateway(
    registry_url: str, server: Valkey, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Process]:
    """A gateway of three pools: two of one model, and one of a model that is not registered."""
    stack = Stack(tmp_path_factory.mktemp("gateway"), server, registry_url, MODEL)
    pools = (
        f"models:/{MODEL}@production",
        f"{BY_VERSION}=models:/{MODEL}/1",
        f"{MISSING}=models:/{MISSING}@production",
    )
    yield stack.add_gateway(MODEL_URIS=",".join(pools), STORE_TIMEOUT_S="0.5")
    stack.stop()


@pytest.fixture(autouse=True)
def _no_workers(server: Valkey) -> None:
    """No test sees another one's workers, in whatever order they run."""
    server.flush()


def listed(gateway: Process) -> list[dict[str, Any]]:
    answer = HTTP.get(f"{gateway.url}/models")
    assert answer.status_code == 200, answer.text
    assert set(answer.json()) == {"models"}
    return list(answer.json()["models"])


def beat(worker: FakeWorker, name: str, state: WorkerState, version: str, said: str = "") -> None:
    worker.store.heartbeat(HeartbeatRequest(worker.model, name, state, version, 8, problem=said))


def test_all_models_are_listed_in_order_and_an_unserved_one_says_why(gateway: Process) -> None:
    first, second, missing = listed(gateway)
    assert first == {
        "name": MODEL,
        "registered_name": MODEL,
        "address": f"models:/{MODEL}@production",
        "default": True,
        "state": "no_worker",
        "version": "1",
        "aliases": ["production"],
        "workers": NOBODY,
        "canary": None,
        "problem": "",
    }
    assert second == first | {
        "name": BY_VERSION,
        "address": f"models:/{MODEL}/1",
        "default": False,
    }
    assert f"has no models:/{MISSING}@production" in missing.pop("problem")
    assert missing == {
        "name": MISSING,
        "registered_name": MISSING,
        "address": f"models:/{MISSING}@production",
        "default": False,
        "state": "unserved",
        "version": None,
        "aliases": [],
        "workers": NOBODY,
        "canary": None,
    }


def test_the_state_is_that_of_the_worker_who_is_furthest(gateway: Process, server: Valkey) -> None:
    seen = []
    with FakeWorker(server.url(), BY_VERSION) as worker:
        for name, state, version in (
            ("leaving", WorkerState.DRAINING, "1"),
            ("starting", WorkerState.LOADING, ""),
            ("working", WorkerState.BUSY, "1"),
            ("resting", WorkerState.IDLE, "1"),
        ):
            beat(worker, name, state, version)
            seen.append(listed(gateway)[1]["state"])
        assert seen == ["no_worker", "loading", "served", "served"]
        assert listed(gateway)[1]["workers"] == {
            "loading": 1,
            "idle": 1,
            "busy": 1,
            "draining": 1,
            "versions": {"1": 3},
        }
        assert listed(gateway)[0]["state"] == "no_worker", "workers of another pool counted"


def test_what_workers_find_wrong_is_said_once(gateway: Process, server: Valkey) -> None:
    with FakeWorker(server.url()) as worker:
        for name in ("one", "two"):
            beat(worker, name, WorkerState.LOADING, "", "version 1 can't be loaded")
        assert listed(gateway)[0]["problem"] == "version 1 can't be loaded"


def test_the_page_has_an_example_with_the_fields_of_an_answer(gateway: Process) -> None:
    call = HTTP.get(f"{gateway.url}/openapi.json").json()["paths"]["/models"]["get"]
    content = call["responses"]["200"]["content"]["application/json"]
    assert content["schema"]["$ref"].endswith("/ModelList")
    shown = content["example"]["models"]
    assert {each["state"] for each in shown} == {"served", "unserved"}
    assert {tuple(each) for each in shown} == {tuple(each) for each in listed(gateway)}


def test_without_its_store_a_gateway_does_not_know_the_workers(
    gateway: Process, server: Valkey
) -> None:
    server.kill()
    until(lambda: HTTP.get(f"{gateway.url}/models").status_code == 503, "the store to be missed")
    assert "store" in problem(HTTP.get(f"{gateway.url}/models"), 503)["detail"]
    server.start()
    until(lambda: HTTP.get(f"{gateway.url}/models").status_code == 200, "the store to be back")
