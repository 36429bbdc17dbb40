"""Tickets are hints: deleted, doubled or miscounted they cost a moment and never a prediction."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import redis

from inference.broker.celery_config import queue_name
from inference.broker.rabbitmq_broker import QUEUE_ARGUMENTS
from testkit.brokers import Broker
from testkit.rabbitmq import RabbitMQ
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


def test_all_tickets_deleted(make_stack: MakeStack, broker: Broker) -> None:
    stack = make_stack(MAX_BATCH_SIZE="8", BROKER_URL=broker.url())
    client = stack.client()
    with held_up(stack, client, 30) as ids:
        until(lambda: broker.depth(QUEUE) > 0, "tickets in the broker")
        broker.delete(QUEUE)
    finished_within_two_beats(client, ids)


def test_all_tickets_doubled(make_stack: MakeStack, broker: Broker) -> None:
    stack = make_stack(MAX_BATCH_SIZE="1", BROKER_URL=broker.url())
    client = stack.client()
    with held_up(stack, client, 30) as ids:
        until(lambda: broker.depth(QUEUE) > 0, "tickets in the broker")
        broker.double(QUEUE)
    finished_within_two_beats(client, ids)


def test_a_thousand_tickets_too_many_or_too_few_in_flight(
    make_stack: MakeStack, broker: Broker
) -> None:
    stack = make_stack(MAX_BATCH_SIZE="8", BROKER_URL=broker.url())
    client = stack.client()
    with redis.Redis.from_url(stack.valkey.url(0)) as store:
        for error in (1000, -1000):
            store.hincrby(META, "tickets", error)
            with held_up(stack, client, 20) as ids:
                pass
            finished_within_two_beats(client, ids)


def test_work_accepted_while_the_broker_is_away_runs_when_it_is_back(
    make_stack: MakeStack, broker: Broker
) -> None:
    client = make_stack(BROKER_URL=broker.url()).client()
    assert client.ended(client.submit({"do": "answer", "value": 1}))["status"] == "success"
    broker.kill()
    ids = [client.submit({"do": "answer", "value": value}) for value in range(10)]
    broker.start()
    assert {client.ended(task_id, limit_s=90)["status"] for task_id in ids} == {"success"}


def test_gateways_and_workers_may_start_while_the_broker_is_away(
    make_stack: MakeStack, broker: Broker
) -> None:
    broker.kill()
    stack = make_stack(gateways=1, workers=0, BROKER_URL=broker.url())
    client = stack.client()
    task_id = client.submit({"do": "answer", "value": 1})
    worker = stack.add_worker(wait=False)
    until(lambda: worker.events("start.waiting"), "the worker to wait for the broker", 60)
    broker.start()
    assert client.ended(task_id, limit_s=90)["status"] == "success"


@pytest.mark.rabbitmq
def test_a_ticket_that_was_delivered_too_often_is_dropped_and_another_one_comes(
    make_stack: MakeStack, rabbitmq: RabbitMQ
) -> None:
    stack = make_stack(gateways=1, workers=0, BROKER_URL=rabbitmq.url())
    client = stack.client()
    task_id = client.submit({"do": "answer", "value": 1})
    until(lambda: rabbitmq.depth(QUEUE) == 1, "its ticket")
    limit = QUEUE_ARGUMENTS["x-delivery-limit"]
    assert rabbitmq.return_until_dropped(QUEUE) == limit + 1
    assert rabbitmq.depth(QUEUE) == 0
    stack.add_worker()
    assert client.ended(task_id)["status"] == "success"
