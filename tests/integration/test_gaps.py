"""Ordinary work, its repairs and a drain run into every named gap.

A name that nothing reaches would prove nothing.
"""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from inference.broker.celery_config import queue_name
from inference.failpoints import Failpoint
from testkit.brokers import Broker, new_broker
from testkit.failpoint_hook import Gaps, Role, environment
from testkit.servers import Valkey
from testkit.stack import Client, Stack
from testkit.waiting import until
from tests.integration.conftest import drawn_broker, start, stop

SETTINGS = {
    "MAX_BATCH_SIZE": "8",
    "MAX_BATCH_WAIT_MS": "100",
    "MAX_ATTEMPTS": "1",
    "RUN_LIMIT_S": "2",
    "DRAIN_TIMEOUT_S": "0",
}


@pytest.fixture
def gaps(tmp_path: Path) -> Gaps:
    return Gaps(tmp_path / "gaps")


@pytest.fixture
def tickets(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Broker]:
    """The drawn broker."""
    broker = new_broker(drawn_broker(request), tmp_path / "broker")
    broker.start()
    yield broker
    broker.stop()


@pytest.fixture
def stack(tmp_path: Path, fault_registry: str, tickets: Broker) -> Stack:
    large = tmp_path / "large"
    large.mkdir()
    return Stack(
        tmp_path,
        Valkey(tmp_path / "valkey"),
        fault_registry,
        "fault",
        SETTINGS | {"PAYLOAD_URL": large.as_uri(), "BROKER_URL": tickets.url()},
    )


def work_that_fails_in_every_way(client: Client) -> None:
    """Sends calls that succeed, and work that fails in every way.

    A sync call is small, and another has a large input and result. Then a batch is quarantined, a
    child dies, and a child hangs and is stopped.
    """
    assert client.post("/predict/", {"features": {"do": "answer", "value": 1}}).status_code == 200
    assert (
        client.post("/predict/", {"features": {"do": "answer", "note": "n" * 100_000}}).status_code
        == 200
    )
    for fault in ("raise", "exit", "hang"):
        ids = [
            client.submit({"do": fault if value == 2 else "answer", "value": value})
            for value in range(4)
        ]
        assert [client.ended(task_id)["status"] for task_id in ids].count("failure") == 1


def a_lost_ticket(tickets: Broker, client: Client, gaps: Gaps) -> None:
    """A child that stands between claim and begin takes no ticket, and no run limit ends it."""
    gaps.arm(Failpoint.COVERED, Role.CHILD)
    client.submit({"do": "answer"})
    until(gaps.standing, "the child to hold the first")
    second = client.submit({"do": "answer"})
    until(lambda: tickets.purge(queue_name("inference", "fault")), "its ticket in the broker")
    gaps.release()
    assert client.ended(second)["status"] == "success"


def a_drain(stack: Stack, client: Client) -> None:
    """The worker hands back what it runs; then the gateways go."""
    task_id = client.submit({"do": "answer", "seconds": 3.0})
    client.begun(task_id)
    for process in (*stack.workers, *stack.gateways):
        process.signal(signal.SIGTERM)
        process.wait()


def test_every_gap_is_reached_by_work_its_repairs_and_a_drain(
    stack: Stack, tickets: Broker, gaps: Gaps
) -> None:
    stack.valkey.start()
    stack.env |= environment(gaps.folder, Role.GATEWAY)
    start(stack, gateways=2, workers=0)
    stack.env |= environment(gaps.folder, Role.PARENT)
    start(stack, gateways=0, workers=1)
    try:
        client = stack.client()
        work_that_fails_in_every_way(client)
        a_lost_ticket(tickets, client, gaps)
        a_drain(stack, client)
    finally:
        stop(stack)
    assert {gap.name for gap in Failpoint} - {gap.name for gap, _ in gaps.hit()} == set(), (
        "gaps that were never reached"
    )
