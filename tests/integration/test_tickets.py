"""Tickets are hints: deleted, doubled or miscounted they cost a moment and never a prediction."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import redis

from inference.broker.celery_config import queue_name
from testkit.servers import Valkey
from testkit.stack import Client, Stack
from testkit.waiting import until
from tests.integration.conftest import MakeStack

QUEUE = queue_name("inference", "fault")
META = "{inference:fault}:meta"


@contextmanager
def held_up(stack: Stack, client: Client, count: int) -> Iterator[list[str]]:
    """Submits a long run, and behind it what then waits with its tickets in the broker.

    The model's process stands still inside, so that none of the tickets is used.
    """
    first = client.submit({"do": "answer", "seconds": 1.0, "value": 0})
    client.begun(first)
    child = stack.workers[0].model_process()
    stack.stop_process(child)
    try:
        yield [
            first,
            *(client.submit({"do": "answer", "value": value}) for value in range(1, count)),
        ]
    finally:
        stack.resume_process(child)


def finished_within_two_beats(client: Client, ids: list[str]) -> None:
    """All records end, and the work resumes by two beats after the worker is idle.

    The beats take 2 s, and 1 s more is for where in a beat the worker began.
    """
    client.ended(ids[0])
    until(
        lambda: client.status(ids[1])["status"] == "success",
        "the next run, which its repaired ticket brings",
        limit_s=60,
    )
    assert {client.ended(task_id)["status"] for task_id in ids} == {"success"}
    assert client.queue()["outstanding"] == 0


def test_all_tickets_deleted(make_stack: MakeStack) -> None:
    stack = make_stack(MAX_BATCH_SIZE="8")
    client = stack.client()
    with (
        held_up(stack, client, 30) as ids,
        redis.Redis.from_url(stack.valkey.url(1)) as broker,
    ):
        until(lambda: broker.llen(QUEUE) > 0, "tickets in the broker")
        broker.delete(QUEUE)
    finished_within_two_beats(client, ids)


def test_all_tickets_doubled(make_stack: MakeStack) -> None:
    stack = make_stack(MAX_BATCH_SIZE="1")
    client = stack.client()
    with (
        held_up(stack, client, 30) as ids,
        redis.Redis.from_url(stack.valkey.url(1)) as broker,
    ):
        until(lambda: broker.llen(QUEUE) > 0, "tickets in the broker")
        broker.rpush(QUEUE, *broker.lrange(QUEUE, 0, -1))
    finished_within_two_beats(client, ids)


def test_a_thousand_tickets_too_many_or_too_few_in_flight(make_stack: MakeStack) -> None:
    stack = make_stack(MAX_BATCH_SIZE="8")
    client = stack.client()
    with redis.Redis.from_url(stack.valkey.url(0)) as store:
        for error in (1000, -1000):
            store.hincrby(META, "tickets", error)
            with held_up(stack, client, 20) as ids:
                pass
            finished_within_two_beats(client, ids)


def test_work_accepted_while_the_broker_is_away_runs_when_it_is_back(
    make_stack: MakeStack, tmp_path: Path
) -> None:
    broker = Valkey(tmp_path)
    broker.start()
    client = make_stack(BROKER_URL=broker.url()).client()
    assert client.ended(client.submit({"do": "answer", "value": 1}))["status"] == "success"
    broker.kill()
    ids = [client.submit({"do": "answer", "value": value}) for value in range(10)]
    broker.start()
    assert {client.ended(task_id, limit_s=90)["status"] for task_id in ids} == {"success"}
    broker.kill()
