"""The pool that a caller names decides what is refused, whatever its canary would take."""

from collections.abc import Iterator

import pytest

from inference.store.messages import WorkerState
from testkit.lanes import once
from testkit.servers import Valkey
from testkit.stack import Process, Stack
from testkit.waiting import until
from tests.gateway.support import GOOD, HTTP, MODEL, FakeWorker, problem, register
from tests.gateway.test_canary import draws, pool, post, share

STRICTER = f"{MODEL}-with-tides"
GONE = f"{MODEL}-that-nobody-registered"


@pytest.fixture(scope="module")
def stack(registry_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """No gateway yet. The canary wants one more column than the main pool takes."""
    once(tmp_path_factory, STRICTER, lambda: register(registry_url, STRICTER, "tide"))
    server = Valkey(tmp_path_factory.mktemp("valkey"))
    server.start()
    stack = Stack(tmp_path_factory.mktemp("gateways"), server, registry_url, MODEL)
    yield stack
    stack.stop()
    server.kill()


def gateway_with(stack: Stack, canary: str) -> Process:
    uris = ",".join(f"models:/{name}@production" for name in (MODEL, canary))
    return stack.add_gateway(MODEL_URIS=uris, CANARIES=f"{canary}={MODEL}:100")


def test_a_body_that_the_canary_refuses_goes_to_the_main_pool_and_not_the_other_way(
    stack: Stack,
) -> None:
    gateway = gateway_with(stack, STRICTER)
    with FakeWorker(stack.valkey.url(), STRICTER) as worker:
        worker.beat(WorkerState.BUSY)
        until(lambda: share(gateway)["problem"] == "", "the worker to be seen")
        fitting = GOOD | {"tide": 1.5}
        assert pool(post(gateway)) == MODEL
        assert pool(post(gateway, features=GOOD | {"station": "x" * 70_000})) == MODEL
        told = problem(post(gateway, features=fitting), 422)
        assert [each["field"] for each in told["errors"]] == ["features.tide"]
        assert pool(post(gateway, features=fitting, model=STRICTER)) == STRICTER
        assert draws(gateway, "input", STRICTER) == 2


def test_a_canary_that_is_not_registered_costs_its_callers_nothing(stack: Stack) -> None:
    gateway = gateway_with(stack, GONE)
    assert {pool(post(gateway, path)) for path in ("/predict/async/",) * 5} == {MODEL}
    assert draws(gateway, "unserved", GONE) == 5
    assert share(gateway) == {"of": MODEL, "percent": 100.0, "problem": "unserved"}
    assert HTTP.get(f"{gateway.url}/readyz").status_code == 200
    problem(post(gateway, model=GONE), 503)
