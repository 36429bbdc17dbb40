"""A canary takes its share of the calls for another pool, and costs nobody a call.

Three gateways on one store give the canary 0, 10 and 100 percent, as in a rollout from one to the
other. The canary serves the same version, by its number.
"""

import math
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import httpx2
import pytest

from inference.ids import model_of
from inference.store.messages import WorkerState
from testkit.background import Background
from testkit.servers import Valkey
from testkit.stack import Process, Stack
from testkit.waiting import until
from tests.gateway.support import GOOD, HTTP, MODEL, FakeWorker, problem

CANARY = f"{MODEL}-canary"
CALLS = 2_000
POOLS = f"models:/{MODEL}@production,{CANARY}=models:/{MODEL}/1"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Valkey]:
    server = Valkey(tmp_path_factory.mktemp("valkey"))
    server.start()
    yield server
    server.kill()


@pytest.fixture(scope="module")
def stack(
    registry_url: str, server: Valkey, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stack]:
    stack = Stack(tmp_path_factory.mktemp("gateways"), server, registry_url, MODEL)
    stack.env |= {"MODEL_URIS": POOLS, "SYNC_SLO_S": "10", "BACKLOG_MAX_RECORDS": "3000"}
    yield stack
    stack.stop()


@pytest.fixture(scope="module")
def started(stack: Stack) -> dict[int, Process]:
    return {p: stack.start_gateway(CANARIES=f"{CANARY}={MODEL}:{p}") for p in (0, 10, 100)}


@pytest.fixture(scope="module")
def gateways(stack: Stack, started: dict[int, Process]) -> dict[int, Process]:
    """The gateways by the percentage that they give the canary."""
    for gateway in started.values():
        stack.wait_for(gateway)
    return started


class Living(Background):
    """A worker of the canary that lives, and does nothing."""

    def __init__(self, url: str, gateways: dict[int, Process]) -> None:
        super().__init__()
        self._worker = FakeWorker(url, CANARY)
        self._gateways = gateways

    def __enter__(self) -> "Living":
        self._wait_for("no_worker")
        super().__enter__()
        self._wait_for("")
        return self

    def _wait_for(self, why: str) -> None:
        """Waits until the gateways that give it a share have seen that."""
        for percent in (10, 100):
            until(partial(self.is_found, self._gateways[percent], why), f"{why!r} to be seen")

    def _run(self) -> None:
        with self._worker as worker:
            worker.beat(WorkerState.IDLE)
            while not self._stop.wait(0.3):
                worker.beat(WorkerState.IDLE)
            worker.beat(WorkerState.GONE)

    @staticmethod
    def is_found(gateway: Process, why: str) -> bool:
        return bool(share(gateway)["problem"] == why)


@pytest.fixture
def living(server: Valkey, gateways: dict[int, Process]) -> Iterator[Living]:
    """An empty store, and a canary that takes calls at every gateway that gives it a share."""
    server.flush()
    with Living(server.url(), gateways) as living:
        yield living
    for pool in (MODEL, CANARY):
        HTTP.post(f"{gateways[0].url}/models/{pool}/resume")


def share(gateway: Process) -> Any:
    """What `GET /models` says of the canary's share."""
    return HTTP.get(f"{gateway.url}/models").json()["models"][1]["canary"]


def post(gateway: Process, path: str = "/predict/async/", key: str = "", **body: Any) -> Any:
    headers = {"Idempotency-Key": key} if key else {}
    return HTTP.post(gateway.url + path, json={"features": GOOD} | body, headers=headers)


def task(answer: httpx2.Response) -> str:
    assert answer.status_code in (200, 202, 504), answer.text
    return str(answer.json()["task_id"])


def pool(answer: httpx2.Response) -> str:
    """The pool that took a call."""
    return model_of(task(answer)) or ""


def metric(gateway: Process, sample: str) -> float:
    lines = HTTP.get(f"{gateway.url}/metrics").text.splitlines()
    return next(float(line.rpartition(" ")[2]) for line in lines if line.startswith(sample + " "))


def draws(gateway: Process, outcome: str, canary: str = CANARY) -> float:
    return metric(gateway, f'prediction_canary_draws_total{{model="{canary}",outcome="{outcome}"}}')


def is_share(count: int, calls: int, percent: float) -> bool:
    """Whether a count is within four standard deviations of the share."""
    part = percent / 100
    return abs(count - calls * part) <= 4 * math.sqrt(calls * part * (1 - part))


def calls_of(gateway: Process, outcome: str = "accepted") -> dict[str, float]:
    sample = 'prediction_requests_total{{model="{0}",outcome="{1}",source="{2}"}}'
    return {
        each: sum(
            metric(gateway, sample.format(each, outcome, source)) for source in ("sync", "async")
        )
        for each in (MODEL, CANARY)
    }


@pytest.mark.usefixtures("living")
def test_a_tenth_of_two_thousand_calls_goes_to_the_canary(gateways: dict[int, Process]) -> None:
    """Sync and async, with the pool's name and without a name, and both are in the metrics."""
    gateway, before = gateways[10], calls_of(gateways[10])
    taken = draws(gateway, "taken")
    bodies: tuple[dict[str, Any], ...] = ({}, {"model": MODEL}, {"match_id": None})

    def call(n: int) -> str:
        path = "/predict/async/" if n % 2 else "/predict/"
        answer = HTTP.post(
            gateway.url + path,
            json={"features": GOOD} | bodies[n % 3],
            headers={"Prefer": "wait=0"} if path == "/predict/" else {},
        )
        return pool(answer)

    with ThreadPoolExecutor(16) as threads:
        found = Counter(threads.map(call, range(CALLS)))
    assert set(found) == {MODEL, CANARY}
    assert is_share(found[CANARY], CALLS, 10), found
    after = calls_of(gateway)
    assert {name: after[name] - before[name] for name in after} == dict(found)
    assert draws(gateway, "taken") - taken == found[CANARY]
    for name in (MODEL, CANARY):
        assert metric(gateway, f'prediction_model_info{{model="{name}",version="1"}}') == 1
    assert metric(gateway, f'prediction_canary_percent{{model="{CANARY}",of="{MODEL}"}}') == 10


@pytest.mark.usefixtures("living")
def test_a_call_that_names_the_canary_or_an_address_gets_just_that(
    gateways: dict[int, Process],
) -> None:
    named = {
        CANARY: CANARY,
        f"{MODEL}/1": CANARY,
        f"{MODEL}@production": MODEL,
    }
    for percent in (0, 100):
        for name, expected in named.items():
            assert pool(post(gateways[percent], model=name)) == expected, (percent, name)
    assert pool(post(gateways[100])) == CANARY
    assert pool(post(gateways[0])) == MODEL


def test_the_answer_and_the_record_name_the_canary(
    living: Living, server: Valkey, gateways: dict[int, Process]
) -> None:
    del living
    with ThreadPoolExecutor(1) as thread, FakeWorker(server.url(), CANARY) as worker:
        answer = thread.submit(post, gateways[100], "/predict/")
        task_id = worker.run()
        told = answer.result()
    assert (told.status_code, told.json()["task_id"]) == (200, task_id)
    assert told.json()["model"] == {"name": CANARY, "version": "1"}
    status = HTTP.get(f"{gateways[0].url}/monitoring/task_status/{task_id}").json()
    assert status["model"] == {"name": CANARY, "version": "1"}


@pytest.mark.usefixtures("living")
def test_equal_requests_meet_in_one_pool_and_large_ones_are_drawn_alike(
    gateways: dict[int, Process],
) -> None:
    """A large body is checked, and drawn for, in a process beside the gateway."""
    gateway = gateways[10]
    first = {n: task(post(gateway, match_id=n)) for n in range(60)}
    assert {model_of(each) for each in first.values()} == {MODEL, CANARY}
    assert {n: task(post(gateway, match_id=n)) for n in first} == first
    long = GOOD | {"station": "x" * 70_000}
    for n in (*range(8), *(n for n, each in first.items() if model_of(each) == CANARY)):
        assert pool(post(gateway, match_id=n, features=long)) == model_of(first[n]), n


@pytest.mark.usefixtures("living")
@pytest.mark.parametrize(("before", "after"), [(0, 100), (100, 0), (100, 10)])
@pytest.mark.parametrize("path", ["/predict/async/", "/predict/"])
def test_a_key_stays_with_its_task_when_the_percentage_moves(
    gateways: dict[int, Process], before: int, after: int, path: str
) -> None:
    first = task(post(gateways[before], key="k"))
    assert model_of(first) == (CANARY if before else MODEL)
    again = HTTP.post(
        gateways[after].url + path,
        json={"features": GOOD},
        headers={"Idempotency-Key": '"k"', "Prefer": "wait=0"},
    )
    assert task(again) == first
    other = problem(post(gateways[after], key="k", features=GOOD | {"days": 9}), 422)
    assert other["type"] == "urn:inference:idempotency-key-reused"


@pytest.mark.parametrize("how", ["keep", "refuse"])
@pytest.mark.parametrize("path", ["/predict/async/", "/predict/"])
def test_calls_for_a_canary_that_is_paused_go_to_the_main_pool(
    living: Living, gateways: dict[int, Process], how: str, path: str
) -> None:
    """At once where it refuses; where it keeps, within the second that a look takes."""
    del living
    gateway = gateways[100]
    before = draws(gateway, "paused")
    paused = HTTP.post(f"{gateways[0].url}/models/{CANARY}/pause?submissions={how}")
    assert paused.status_code == 200
    if how == "keep":
        until(partial(Living.is_found, gateway, "paused"), "the pause to be seen")
    answer = HTTP.post(gateway.url + path, json={"features": GOOD}, headers={"Prefer": "wait=0"})
    assert pool(answer) == MODEL
    assert draws(gateway, "paused") == before + 1
    HTTP.post(f"{gateways[0].url}/models/{CANARY}/resume")
    until(partial(Living.is_found, gateway, ""), "it to go on")
    assert pool(post(gateway)) == CANARY


def test_calls_for_a_canary_without_a_worker_go_to_the_main_pool_and_it_is_said(
    server: Valkey, gateways: dict[int, Process]
) -> None:
    server.flush()
    gateway = gateways[100]
    until(partial(Living.is_found, gateway, "no_worker"), "the worker to be missed")
    before = draws(gateway, "no_worker")
    assert {pool(post(gateway)) for _ in range(5)} == {MODEL}
    assert draws(gateway, "no_worker") == before + 5
    said = [each for each in gateway.events("canary.diverted") if each["reason"] == "no_worker"]
    assert [(each["model"], each["consequence"]) for each in said] == [
        (CANARY, f"{MODEL} answers")
    ], "said once a minute, not once a call"
    assert share(gateway) == {"of": MODEL, "percent": 100.0, "problem": "no_worker"}
    assert share(gateways[0])["problem"] == "", "without a share nothing is wrong"


def test_a_canary_that_is_full_sends_its_callers_on_and_keeps_their_keys(
    living: Living, server: Valkey, stack: Stack, gateways: dict[int, Process]
) -> None:
    """The id that a caller gets is that of the pool which took the call, and so is the result."""
    del living, gateways
    gateway = stack.add_gateway(CANARIES=f"{CANARY}={MODEL}:100", BACKLOG_MAX_RECORDS="1")
    until(partial(Living.is_found, gateway, ""), "the worker to be seen")
    assert pool(post(gateway)) == CANARY
    with ThreadPoolExecutor(1) as thread, FakeWorker(server.url()) as worker:
        waiting = thread.submit(post, gateway, "/predict/")
        task_id = worker.run()
        ended = waiting.result()
    assert (ended.status_code, ended.json()["task_id"]) == (200, task_id)
    assert ended.json()["model"]["name"] == MODEL
    first = post(gateway, key="k")
    assert pool(first) == MODEL
    assert draws(gateway, "full") == 2
    full = problem(post(gateway), 503)
    assert full["type"] == "urn:inference:backlog-full"
    sample = f'prediction_refusals_total{{model="{MODEL}",reason="backlog-full"}}'
    assert metric(gateway, sample) == 1, "the main pool refused, as it would without a canary"
    assert task(post(gateway, key="k")) == task(first)
