"""The whole service on RabbitMQ: what is RabbitMQ's own, and what goes wrong with it."""

import os
import signal
import time
from collections.abc import Iterator

import pytest
import redis

from inference.broker.celery_config import queue_name
from inference.broker.rabbitmq_broker import QUEUE_ARGUMENTS
from testkit.door import Door
from testkit.rabbitmq import RabbitMQ
from testkit.servers import Valkey
from testkit.stack import Client, Process, Stack
from testkit.waiting import until
from tests.integration.conftest import MakeStack
from tests.integration.refusals import without_patience, worker

pytestmark = pytest.mark.rabbitmq

QUEUE = queue_name("inference", "fault")
LEASE_S = 8.0
FROZEN_S = float(os.environ.get("FROZEN_S", "0"))
"""How long a frozen broker stands still at least; longer than its heartbeats with 30."""


@pytest.fixture(scope="module")
def shared_stack(make_stack: MakeStack, rabbitmq_server: RabbitMQ) -> Stack:
    url = rabbitmq_server.url()
    return make_stack(gateways=1, workers=2, BROKER_URL=url, LEASE_S=f"{LEASE_S:g}")


@pytest.fixture
def stack(shared_stack: Stack, rabbitmq_server: RabbitMQ) -> Iterator[Stack]:
    """The module's; both workers wait for tickets."""
    until(lambda: rabbitmq_server.consumers(QUEUE) == 2, "both workers to wait for tickets", 60)
    pids = [worker.pid for worker in shared_stack.workers]
    yield shared_stack
    assert [worker.pid for worker in shared_stack.workers if not worker.died()] == pids


def submit(client: Client, count: int) -> list[str]:
    return [client.submit({"do": "answer", "value": value}) for value in range(count)]


def all_succeed(client: Client, ids: list[str]) -> None:
    records = [client.ended(task_id, limit_s=90) for task_id in ids]
    ended = [(record["status"], record["attempts"]) for record in records]
    assert ended == [("success", 0)] * len(ids)


def began(worker: Process) -> set[str]:
    """The records that a worker has begun till now, by its log."""
    return {task for event in worker.events("prediction.began") for task in event["task_ids"]}


def busy(stack: Stack, seconds: float) -> tuple[str, Process]:
    """Keeps one worker busy; returns the record and that worker, once the other one is idle.

    Its log says which one it is: heartbeats are a second old.
    """
    client = stack.client()
    task_id = client.submit({"do": "answer", "seconds": seconds, "value": 1})
    (runner,) = until(
        lambda: [worker for worker in stack.workers if task_id in began(worker)], "a worker to run"
    )

    def other_idle() -> bool:
        workers = client.get("/monitoring/workers").json()["workers"]
        return any(each["id"] != runner.name and each["state"] == "idle" for each in workers)

    until(other_idle, "the other worker to be idle")
    return task_id, runner


def test_the_only_thing_declared_is_the_models_quorum_queue(
    stack: Stack, rabbitmq_server: RabbitMQ
) -> None:
    """Celery would keep 28 queues and exchanges more, for delays that no ticket has."""
    all_succeed(stack.client(), submit(stack.client(), 3))
    queues = rabbitmq_server.ctl("list_queues", "--quiet", "--no-table-headers", "name", "type")
    assert queues.split() == [QUEUE, "quorum"]
    exchanges = rabbitmq_server.ctl("list_exchanges", "--quiet", "--no-table-headers", "name")
    assert [name for name in exchanges.split() if not name.startswith("amq.")] == []
    with rabbitmq_server.connection() as connection, connection.channel() as channel:
        channel.queue_declare(QUEUE, durable=True, auto_delete=False, arguments=QUEUE_ARGUMENTS)


def test_a_busy_worker_holds_one_ticket_and_no_other_that_an_idle_one_could_have(
    stack: Stack,
) -> None:
    client = stack.client()
    first, busy_one = busy(stack, 12.0)  # longer than ten predictions take on a loaded machine
    ids = submit(client, 10)
    runners = {client.ended(task_id)["status"] for task_id in ids}
    assert runners == {"success"}
    assert client.status(first)["status"] == "started", "they did not wait for the busy worker"
    assert began(busy_one).isdisjoint(ids)
    assert client.ended(first)["status"] == "success"


@pytest.mark.parametrize("what", ["deleted", "purged"])
def test_a_queue_that_is_lost_costs_a_moment(
    stack: Stack, rabbitmq_server: RabbitMQ, what: str
) -> None:
    client = stack.client()
    children = [worker.model_process() for worker in stack.workers]
    for child in children:
        stack.stop_process(child)
    ids = submit(client, 30)
    until(lambda: rabbitmq_server.depth(QUEUE) > 0, "tickets in the broker")
    if what == "deleted":
        rabbitmq_server.delete(QUEUE)
        # Celery connects anew and forgets the tickets that the children have not taken yet.
        until(lambda: rabbitmq_server.consumers(QUEUE) == 2, "both workers to be back", 60)
    else:
        rabbitmq_server.purge(QUEUE)
    for child in children:
        stack.resume_process(child)
    all_succeed(client, ids)


def test_a_broker_that_stands_still_holds_no_gateway_up_and_goes_on(
    stack: Stack, rabbitmq_server: RabbitMQ
) -> None:
    client, (gateway,) = stack.client(), stack.gateways
    failed = len(gateway.events("tickets.failing"))
    rabbitmq_server.signal(signal.SIGSTOP)
    end = time.monotonic() + FROZEN_S
    ids = submit(client, 10)
    until(lambda: len(gateway.events("tickets.failing")) > failed, "the gateway to miss the broker")
    until(lambda: time.monotonic() >= end, "the broker to have stood still", FROZEN_S + 10)
    ids += submit(client, 10)
    rabbitmq_server.signal(signal.SIGCONT)
    all_succeed(client, ids)


def test_a_broker_with_an_alarm_holds_no_gateway_up_and_goes_on(
    stack: Stack, rabbitmq_server: RabbitMQ
) -> None:
    client, (gateway,) = stack.client(), stack.gateways
    said = len(gateway.events("tickets.failing"))
    rabbitmq_server.raise_alarm()
    miss_tickets(stack)
    try:
        ids = submit(client, 10)
        until(lambda: len(gateway.events("tickets.failing")) > said, "the gateway to say it", 60)
        assert "an alarm of its memory" in gateway.events("tickets.failing")[-1]["reason"]
        assert client.get("/readyz").status_code == 200
        until(lambda: any(missed(worker) for worker in stack.workers), "a worker to say it", 60)
    finally:
        rabbitmq_server.end_alarm()
    all_succeed(client, ids)


def test_a_run_outlives_a_broker_that_is_lost_and_delivers_its_ticket_again(
    stack: Stack, rabbitmq_server: RabbitMQ
) -> None:
    """The ticket comes once more to a worker that is busy with it; the run keeps its lease."""
    client = stack.client()
    first, _ = busy(stack, LEASE_S + 4)
    rabbitmq_server.ctl("close_all_connections", "a test")
    until(lambda: rabbitmq_server.consumers(QUEUE) == 2, "both workers to be back", 60)
    all_succeed(client, submit(client, 4))
    all_succeed(client, [first])
    runs = [
        task
        for worker in stack.workers
        for event in worker.events("prediction.began")
        for task in event["task_ids"]
    ]
    assert runs.count(first) == 1


def miss_tickets(stack: Stack) -> None:
    """Has the store believe that none is in flight, so that the next gateway publishes some."""
    with redis.Redis(port=stack.valkey.port) as store:
        store.hset("{inference:fault}:meta", "tickets", 0)


def missed(worker: Process) -> int:
    return len(worker.events("tickets.not_published"))


def test_connections_that_the_broker_closed_are_made_again(
    stack: Stack, rabbitmq_server: RabbitMQ
) -> None:
    """A worker's second connection, for what it publishes, is idle for most of the time."""
    client = stack.client()
    all_succeed(client, submit(client, 20))
    rabbitmq_server.ctl("close_all_connections", "a test")
    all_succeed(client, submit(client, 20))


def test_a_gateway_cut_off_from_the_broker_takes_predictions_which_workers_find(
    stack: Stack, rabbitmq_server: RabbitMQ
) -> None:
    door = Door(rabbitmq_server.port)
    url = rabbitmq_server.url().replace(f":{rabbitmq_server.port}/", f":{door.port}/")
    gateway = stack.add_gateway(BROKER_URL=url)
    client = Client([gateway.url])
    try:
        assert gateway.events("broker.down")
        all_succeed(client, submit(client, 10))
        door.open()

        def flows() -> bool:
            miss_tickets(stack)
            all_succeed(client, submit(client, 1))
            return bool(gateway.events("tickets.flowing"))

        until(flows, "it to reach the broker", 60, step_s=0.5)
    finally:
        client.close()
        gateway.kill()
        stack.gateways.remove(gateway)
        door.close()


def test_what_can_not_work_is_one_sentence(rabbitmq: RabbitMQ, valkey: Valkey) -> None:
    good = rabbitmq.url()
    refused = {
        rabbitmq.url(password="wrong"): "refused the user inference or its password",
        rabbitmq.url("elsewhere"): "has no virtual host elsewhere",
        good.replace("amqp://", "amqps://"): "speaks no TLS",
        good.replace("/%2F", "/x?ssl=yes"): "the parameter ssl, which is not known",
        valkey.url().replace("redis", "amqp"): "may be no RabbitMQ",
    }
    for url, sentence in refused.items():
        assert sentence in worker(without_patience(valkey) | {"BROKER_URL": url})
    with rabbitmq.connection() as connection, connection.channel() as channel:
        channel.queue_declare(queue_name("other", "fault"), durable=True, auto_delete=False)
    assert "exists on RabbitMQ with other arguments" in worker(
        without_patience(valkey)
        | {"BROKER_URL": good, "KEY_PREFIX": "other", "MODEL_URI": "models:/fault@production"}
    )
    rabbitmq.delete(queue_name("other", "fault"))
