"""Messages that are no tickets are dropped and counted, and the worker goes on."""

from collections import Counter
from collections.abc import Iterator

import httpx2
import pytest
from prometheus_client.parser import text_string_to_metric_families

from inference.broker.ticket import NoTicket
from testkit.hostile_messages import HOSTILE
from testkit.rabbitmq import RabbitMQ
from testkit.stack import Stack
from testkit.waiting import until
from tests.integration.conftest import MakeStack
from tests.integration.raw_queue import QUEUE, RabbitQueue, RawQueue, RedisQueue

FLOOD = {"redis": 10_000, "rabbitmq": 2_000}
MAX_LINES = 100
UNACKED = (f"{QUEUE}.unacked", f"{QUEUE}.unacked_index")


@pytest.fixture(
    scope="module", params=["redis", pytest.param("rabbitmq", marks=pytest.mark.rabbitmq)]
)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def stack(request: pytest.FixtureRequest, make_stack: MakeStack, kind: str) -> Stack:
    if kind == "rabbitmq":
        broker: RabbitMQ = request.getfixturevalue("rabbitmq_server")
        return make_stack(gateways=1, BROKER_URL=broker.url())
    stack = make_stack(gateways=1)
    # The store's promise is not the point, and each element that is taken would be one sync.
    RedisQueue(stack.valkey.url(1)).client.config_set("appendfsync", "no")
    return stack


@pytest.fixture
def queue(request: pytest.FixtureRequest, stack: Stack, kind: str) -> RawQueue:
    if kind == "rabbitmq":
        return RabbitQueue(request.getfixturevalue("rabbitmq_server"))
    return RedisQueue(stack.valkey.url(1))


@pytest.fixture
def redis_queue(queue: RawQueue) -> RedisQueue:
    if not isinstance(queue, RedisQueue):
        pytest.fail("a test of keys asked for another broker than Redis")
    return queue


@pytest.fixture(autouse=True)
def _the_worker_goes_on(stack: Stack) -> Iterator[None]:
    """What a test leaves in the queue keeps no prediction from ending, in the same processes."""
    (worker,) = stack.workers
    before, said = (worker.pid, worker.model_process()), worker.log.stat().st_size
    yield
    client = stack.client()
    ended = client.ended(client.submit({"do": "answer", "value": 1}), limit_s=60)
    assert (ended["status"], ended["attempts"]) == ("success", 0)
    assert not worker.died()
    assert (worker.pid, worker.model_process()) == before
    lines = worker.log.read_bytes()[said:].decode(errors="replace")
    assert "Traceback" not in lines
    assert lines.count("\n") < MAX_LINES


def dropped(stack: Stack) -> Counter[NoTicket]:
    """How many messages the worker dropped until now, as /metrics says."""
    text = httpx2.get(stack.workers[0].url + "/metrics", verify=False).text
    return Counter(
        {
            NoTicket(sample.labels["reason"]): int(sample.value)
            for family in text_string_to_metric_families(text)
            for sample in family.samples
            if sample.name == "worker_tickets_dropped_total"
        }
    )


def test_messages_that_are_no_tickets_are_dropped_and_counted(
    stack: Stack, queue: RawQueue
) -> None:
    before = dropped(stack)
    pushed = queue.push(HOSTILE)
    until(lambda: dropped(stack) - before == pushed, "all of them to be counted")


def test_a_ticket_behind_a_flood_of_other_messages_is_taken(
    stack: Stack, queue: RawQueue, kind: str
) -> None:
    before = dropped(stack)
    kinds = [kind for kind in HOSTILE if len(kind[2]) < 2_000]
    pushed = queue.push(kinds[number % len(kinds)] for number in range(FLOOD[kind]))
    until(lambda: dropped(stack) - before == pushed, "all of them to be counted", limit_s=60)


@pytest.mark.parametrize("kind", ["redis"], indirect=True)
@pytest.mark.parametrize("key", [QUEUE, f"{QUEUE}\x06\x163", *UNACKED])
def test_a_key_that_holds_another_type_is_removed(
    stack: Stack, redis_queue: RedisQueue, key: str
) -> None:
    before = dropped(stack)
    redis_queue.client.delete(key)
    redis_queue.client.set(key, "somebody's")
    client = stack.client()
    client.ended(client.submit({"do": "answer", "value": 1}))
    wrong = Counter({NoTicket.WRONG_TYPE: 1})
    until(lambda: dropped(stack) - before == wrong, "the key to be counted")


@pytest.mark.parametrize("kind", ["redis"], indirect=True)
def test_a_worker_that_connects_anew_takes_no_harm_from_the_keys_of_kombu(
    stack: Stack, redis_queue: RedisQueue
) -> None:
    before = dropped(stack)
    for key in (*UNACKED, "_kombu.binding." + QUEUE):
        redis_queue.client.delete(key)
        redis_queue.client.set(key, "somebody's")
    redis_queue.client.client_kill_filter(_type="normal", skipme=True)
    wrong = Counter({NoTicket.WRONG_TYPE: 2})
    until(lambda: dropped(stack) - before == wrong, "the keys beside the queue to be removed")
