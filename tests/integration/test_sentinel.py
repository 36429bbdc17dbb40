"""Fails a primary over under load, with store and broker on one set that Sentinels watch.

Replication is asynchronous, so a promoted replica may lack what was accepted last. Such a record is
unknown (404), which is told from one that hangs.
"""

import asyncio
import os
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import httpx2
import pytest
import redis

from inference.redis_access.address import parse
from inference.redis_access.clients import asyncio_client, blocking_client
from testkit.background import Background
from testkit.sentinels import SERVICE, SentinelSet
from testkit.servers import Valkey, free_port
from testkit.stack import Client, Stack
from testkit.waiting import until
from tests.integration.conftest import start
from tests.integration.refusals import Program, gateway, worker

FAIL_OVERS = int(os.environ.get("FAIL_OVERS", "2"))
"""How often; every second primary is frozen and comes back, the others are killed."""

SERVER_OPTIONS = os.environ.get("SERVER_OPTIONS", "").split()
"""Further options of the servers, such as `--min-replicas-to-write 1`."""

pytestmark = pytest.mark.timeout(900 + 90 * FAIL_OVERS)

BOUND_S = 8.0
"""The longest that an answer may take: STORE_TIMEOUT_S is 1.5, and machines that run tests slow."""

RECOVERY_S = 60.0


@dataclass
class Answer:
    """What a submission was answered."""

    at: float
    seconds: float
    status: int
    task_id: str
    value: int


class Load(Background):
    """Submits one after the other, and keeps every answer."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self.answers: list[Answer] = []
        self._url = url

    def _run(self) -> None:
        with httpx2.Client(timeout=60, verify=False) as http:
            for value in count():
                if self._stop.wait(0.02):
                    return
                body = {"features": {"do": "answer", "seconds": 0.02, "value": value}}
                began = time.monotonic()
                answer = http.post(f"{self._url}/predict/async/", json=body)
                now = time.monotonic()
                told = answer.json()
                self.answers.append(
                    Answer(now, now - began, answer.status_code, told.get("task_id", ""), value)
                )

    def takes(self, more: int) -> Answer:
        """Waits until as many more are accepted, and returns the first of them."""
        now = time.monotonic()
        until(lambda: len(self.accepted(now)) >= more, "predictions to be taken", RECOVERY_S)
        return self.accepted(now)[0]

    def accepted(self, since: float = 0.0) -> list[Answer]:
        return [each for each in self.answers if each.status == 202 and each.at > since]


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SentinelSet]:
    found = SentinelSet(tmp_path_factory.mktemp("sentinels"), *SERVER_OPTIONS)
    found.start()
    yield found
    found.kill()


@pytest.fixture
def stack(servers: SentinelSet, fault_registry: str, tmp_path: Path) -> Iterator[Stack]:
    env = {
        # As people write it, and as Celery's documentation does.
        "STORE_URL": servers.url(0),
        "BROKER_URL": servers.celery_url(1),
        "RETRY_BASE_S": "0.1",
        "RETRY_CAP_S": "1",
    }
    made = Stack(tmp_path, servers.servers[0], fault_registry, "fault", env)
    start(made, gateways=1, workers=1)
    yield made
    made.stop()


def test_a_primary_that_dies_under_load_costs_bounded_refusals_and_what_was_not_replicated(
    servers: SentinelSet, stack: Stack
) -> None:
    client, strikes = stack.client(), []
    with Load(stack.gateways[0].url) as load:
        for turn in range(FAIL_OVERS):
            load.takes(20)
            strikes.append(strike(servers, load, frozen=turn % 2 == 1))
            answer = client.post("/predict/", {"features": {"do": "answer", "value": turn}})
            assert (answer.status_code, answer.json()["result"]["value"]) == (200, turn)
    assert {each.status for each in load.answers} <= {202, 503}
    assert max(each.seconds for each in load.answers) < BOUND_S
    lost = unknown(client, load.accepted())
    # Nothing is lost that was accepted long before a strike, or once the new primary was there.
    assert [each for each in lost if not any(s - 1 < each.at < e for s, e in strikes)] == []
    until(lambda: client.queue()["outstanding"] == 0, "nothing to be outstanding")
    print(f"{FAIL_OVERS} fail-overs: {len(load.accepted())} accepted, {len(lost)} never replicated")


def strike(servers: SentinelSet, load: Load, *, frozen: bool) -> tuple[float, float]:
    """Ends a primary, and returns when that was and when predictions were taken again.

    It comes back as a replica, so that the next one can be ended.
    """
    old = until(servers.primary, "a primary")
    assert old is not None
    struck = time.monotonic()
    if frozen:
        old.signal(signal.SIGSTOP)
    else:
        old.kill()
    until(lambda: servers.primary() not in (None, old), "another primary", RECOVERY_S)
    promoted = time.monotonic()
    load.takes(5)
    since = [each for each in load.answers if each.at > struck]
    refused = [each.seconds for each in since if each.status == 503]
    last = max((each.at for each in since if each.status == 503), default=struck)
    recovered = load.accepted(last)[0].at
    print(
        f"{'frozen' if frozen else 'killed'}: another primary after {promoted - struck:.1f} s,"
        f" taken again after {recovered - struck:.1f} s, refused {len(refused)}"
        f" in {max(refused, default=0):.1f} s at most"
    )
    if frozen:
        old.signal(signal.SIGCONT)
    else:
        old.start()
    until(lambda: whole(servers), "the old primary to follow the new one", RECOVERY_S)
    return struck, recovered


def whole(servers: SentinelSet) -> bool:
    """Whether the primary has both replicas again, and all Sentinels say so."""
    primary = servers.primary()
    return primary is not None and replicas(primary) == 2 and servers.sees_replicas()


def replicas(server: Valkey) -> int:
    with redis.Redis(port=server.port, socket_timeout=2) as client:
        return int(client.info("replication")["connected_slaves"])


def unknown(client: Client, answers: list[Answer]) -> list[Answer]:
    """Waits for all that was accepted to end, and returns what nobody knows any more."""
    return [each for each in answers if not succeeded(client, each)]


def succeeded(client: Client, accepted: Answer) -> bool:
    """Waits for a prediction to end in its own success. It is False where nobody knows it."""

    def told() -> dict[str, Any]:
        record = client.status(accepted.task_id, wait=10)
        done = record["status"] in (404, "success", "failure", "expired")
        return record if done else {}

    record = until(told, f"{accepted.task_id} to end", 90)
    if record["status"] == 404:  # a problem, whose status is a number
        return False
    assert (record["status"], record["result"]["value"]) == ("success", accepted.value)
    return True


def test_a_primary_that_answers_when_another_was_named_gets_no_write(servers: SentinelSet) -> None:
    """The clients connect while it stands still, and their time-outs outlast that."""
    address = parse("STORE_URL", servers.url())

    async def write() -> None:
        client = asyncio_client(address, RECOVERY_S)
        await client.set("asyncio", 1)
        await client.aclose()

    def write_blocking() -> None:
        with blocking_client(address, RECOVERY_S) as client:
            client.set("blocking", 1)

    old = until(servers.primary, "a primary")
    assert old is not None
    with ThreadPoolExecutor(2) as pool:
        old.signal(signal.SIGSTOP)
        writes = [pool.submit(asyncio.run, write()), pool.submit(write_blocking)]
        until(lambda: servers.primary() not in (None, old), "another primary", RECOVERY_S)
        old.signal(signal.SIGCONT)
        for each in writes:
            each.result()
    until(lambda: whole(servers), "the old primary to follow the new one", RECOVERY_S)
    with blocking_client(address, RECOVERY_S) as client:
        assert client.mget("asyncio", "blocking") == [b"1", b"1"]


def test_readyz_says_what_a_fail_over_may_lose(stack: Stack) -> None:
    told = stack.client().get("/readyz").json()
    assert any("a fail-over may lose" in warning for warning in told["warnings"])


def with_settings(servers: SentinelSet, setting: str, url: str) -> dict[str, str]:
    """What a program starts with that has one URL wrong."""
    right = {"STORE_URL": servers.url(0), "BROKER_URL": servers.url(1), "START_TIMEOUT_S": "3"}
    return right | {setting: url}


@pytest.mark.parametrize("program", [gateway, worker])
@pytest.mark.parametrize("setting", ["STORE_URL", "BROKER_URL"])
def test_a_service_that_no_sentinel_knows_is_refused_with_those_they_know(
    servers: SentinelSet, fault_registry: str, program: Program, setting: str
) -> None:
    env = with_settings(servers, setting, servers.url().replace(SERVICE, "theirs"))
    said = program(env | {"MLFLOW_TRACKING_URI": fault_registry})
    assert f"{setting}: no Sentinel knows a service theirs: they know {SERVICE}" in said


@pytest.mark.parametrize(
    ("program", "setting"), [(gateway, "STORE_URL"), (worker, "STORE_URL"), (worker, "BROKER_URL")]
)
def test_sentinels_that_do_not_answer_are_one_sentence(
    servers: SentinelSet, program: Program, setting: str
) -> None:
    hosts = f"127.0.0.1:{free_port()},127.0.0.1:{free_port()}"
    env = with_settings(servers, setting, f"sentinel://{hosts}/0?service_name={SERVICE}")
    assert f"no Sentinel told of {SERVICE}: Error 111 connecting to 127.0.0.1" in program(env)


@pytest.mark.parametrize("program", [gateway, worker])
def test_servers_and_sentinels_taken_for_each_other_are_one_sentence(
    servers: SentinelSet, program: Program
) -> None:
    server, sentinel = servers.servers[0].port, servers.sentinels[0].port
    taken = with_settings(servers, "STORE_URL", f"sentinel://127.0.0.1:{server}?service_name=x")
    assert "what answers at STORE_URL is no Sentinel" in program(taken)
    taken = with_settings(servers, "STORE_URL", f"redis://127.0.0.1:{sentinel}")
    assert "the store is a Sentinel: STORE_URL must read sentinel://" in program(taken)
