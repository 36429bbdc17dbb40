"""Store and broker away, and the gateway's own end."""

import signal
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial

import httpx2
import pytest
import redis

from inference.broker.celery_config import queue_name
from inference.store.redis.server_checks import SCHEMA
from testkit.servers import Valkey, free_port
from testkit.stack import Process, Stack
from testkit.waiting import until
from tests.gateway.support import GOOD, HTTP, MODEL, FakeWorker, problem

BODY = {"features": GOOD}


def post(gateway: Process, path: str = "/predict/async/") -> httpx2.Response:
    return HTTP.post(gateway.url + path, json=BODY, timeout=60)


def later(pool: ThreadPoolExecutor, gateway: Process) -> "Future[httpx2.Response]":
    call = pool.submit(post, gateway, "/predict/")
    until(
        lambda: (
            HTTP.get(f"{gateway.url}/monitoring/queues").json()["queues"][0]["outstanding"] == 1
        ),
        "the call to wait",
    )
    return call


def within_2_s(call: Callable[[], httpx2.Response]) -> httpx2.Response:
    """Returns the answer of a call, which must come within 2 s.

    The store's time-out is 1.5 s. The call has a second try where this machine stood still
    meanwhile.
    """
    for _ in range(2):
        start = time.monotonic()
        answer = call()
        if time.monotonic() - start < 2:
            return answer
    raise AssertionError("two calls took longer than 2 s")


@pytest.mark.parametrize("fault", ["killed", "frozen"])
def test_a_store_that_is_down_is_a_503_within_2_s_and_recovers_by_itself(
    own_stack: Stack, fault: str
) -> None:
    gateway, valkey = own_stack.add_gateway(), own_stack.valkey
    known = post(gateway).json()["task_id"]
    valkey.kill() if fault == "killed" else valkey.signal(signal.SIGSTOP)
    for path in ("/predict/", "/predict/async/"):
        answer = within_2_s(partial(post, gateway, path))
        body = problem(answer, 503)
        assert body["task_id"].startswith(MODEL)
        assert answer.headers["retry-after"]
    for path in (
        "/readyz",
        "/monitoring/queues",
        f"/monitoring/task_status/{known}?wait=10",
        f"/result/{known}",
    ):
        problem(within_2_s(partial(HTTP.get, gateway.url + path, timeout=30)), 503)
    assert HTTP.get(f"{gateway.url}/livez").status_code == 200
    assert "prediction_store_up 0.0" in HTTP.get(f"{gateway.url}/metrics").text
    valkey.start() if fault == "killed" else valkey.signal(signal.SIGCONT)
    until(lambda: post(gateway).status_code == 202, "submissions to be taken again")
    assert HTTP.get(f"{gateway.url}/monitoring/task_status/{known}").json()["status"] == "submitted"


def test_a_broker_that_is_down_costs_nothing(own_stack: Stack) -> None:
    gateway = own_stack.add_gateway(
        BROKER_URL=f"redis://127.0.0.1:{free_port()}/0", BROKER_BACKOFF_S="0.1"
    )
    ids = [post(gateway).json()["task_id"] for _ in range(20)]
    assert gateway.events("broker.down")
    until(lambda: gateway.events("tickets.failing"), "the failure to be logged")
    assert len(gateway.events("tickets.failing")) == 1
    with ThreadPoolExecutor() as pool, FakeWorker(own_stack.valkey.url()) as driver:
        done = {driver.run() for _ in ids}
        assert done == set(ids)
        call = pool.submit(post, gateway, "/predict/")
        driver.run()
        assert call.result().status_code == 200


def test_tickets_cover_what_waits_and_no_more(own_stack: Stack) -> None:
    gateways = [own_stack.add_gateway(), own_stack.add_gateway()]
    with ThreadPoolExecutor(16) as pool:
        assert {call.status_code for call in pool.map(post, gateways * 100)} == {202}
    with redis.Redis(port=own_stack.valkey.port, db=1) as broker:
        until(lambda: broker.llen(queue_name("inference", MODEL)) >= 200, "every record's ticket")
        # Two gateways may each have published for what the other had seen, too, twice over.
        assert broker.llen(queue_name("inference", MODEL)) <= 200 + 64


def test_a_gateway_told_to_end_answers_its_waiting_callers(own_stack: Stack) -> None:
    gateway = own_stack.add_gateway()
    with ThreadPoolExecutor() as pool, FakeWorker(own_stack.valkey.url()) as driver:
        call = later(pool, gateway)
        gateway.signal(signal.SIGTERM)
        body = problem(call.result(timeout=10), 503)
        assert gateway.wait(20) in (0, -signal.SIGTERM)
        assert driver.run() == body["task_id"]


def test_a_reaper_gives_lost_work_back(own_stack: Stack) -> None:
    gateway = own_stack.add_gateway(REAPER_PERIOD_S="0.5", LEASE_S="6")
    task_id = post(gateway).json()["task_id"]
    with FakeWorker(own_stack.valkey.url()) as driver:
        driver.claim()
        until(lambda: gateway.events("reaper.reaped"), "the record to be reclaimed", 90)
        status = HTTP.get(f"{gateway.url}/monitoring/task_status/{task_id}").json()
    assert status["error"]["type"] == "worker_lost"


def test_results_are_dropped_after_their_time(own_stack: Stack) -> None:
    gateway = own_stack.add_gateway(RESULT_TTL_S="0.2", TOMBSTONE_TTL_S="5")
    task_id = post(gateway).json()["task_id"]
    with FakeWorker(own_stack.valkey.url()) as driver:
        driver.run()
    paths = [f"{gateway.url}{path}{task_id}" for path in ("/monitoring/task_status/", "/result/")]

    def are_all(status: int) -> bool:
        return {HTTP.get(path).status_code for path in paths} == {status}

    for status in (410, 404):
        until(partial(are_all, status), f"a {status}")


def test_a_newer_layout_leaves_the_gateway_unready(own_stack: Stack) -> None:
    gateway = own_stack.add_gateway(REGISTRY_REFRESH_S="0.1")
    with redis.Redis(port=own_stack.valkey.port) as client:
        client.set(f"{{inference:{MODEL}}}:schema", SCHEMA + 1)
        answer = until(
            lambda: (a := HTTP.get(f"{gateway.url}/readyz")).status_code == 503 and a,
            "the gateway to notice",
        )
        assert isinstance(answer, httpx2.Response)
        assert "schema" in problem(answer, 503)["detail"]
        problem(post(gateway), 503)
        client.set(f"{{inference:{MODEL}}}:schema", SCHEMA)
    until(lambda: post(gateway).status_code == 202, "submissions to be taken again")


def test_a_gateway_whose_keys_were_handed_over_turns_unready_and_writes_nothing(
    own_stack: Stack,
) -> None:
    gateway = own_stack.add_gateway(INSTALLATION="production/scores")
    with redis.Redis(port=own_stack.valkey.port) as client:
        assert client.get("inference:owner") == b"production/scores"
        client.set("inference:owner", "staging/scores")
        answer = until(
            lambda: (a := HTTP.get(f"{gateway.url}/readyz")).status_code == 503 and a,
            "the gateway to notice",
        )
        assert isinstance(answer, httpx2.Response)
        assert (
            "belong to the installation staging/scores, and this is production/scores"
            in problem(answer, 503)["detail"]
        )
        problem(post(gateway), 503)
        problem(HTTP.post(f"{gateway.url}/dead-letters/replay", json={}), 503)
        problem(HTTP.delete(f"{gateway.url}/dead-letters/{MODEL}-{'0' * 32}"), 503)
        client.flushall()
        until(lambda: post(gateway).status_code == 202, "submissions to be taken again")
        assert client.get("inference:owner") == b"production/scores", (
            "a store that came back empty is marked again"
        )


def test_a_weak_store_is_named(own_stack: Stack) -> None:
    weak = Valkey(own_stack.folder / "weak", "--appendfsync", "everysec")
    weak.start()
    own_stack.valkey, mine = weak, own_stack.valkey
    try:
        gateway = own_stack.add_gateway()
        (warning,) = HTTP.get(f"{gateway.url}/readyz").json()["warnings"]
        assert "everysec" in warning
        assert gateway.events("store.checked")
    finally:
        weak.kill()
        own_stack.valkey = mine
