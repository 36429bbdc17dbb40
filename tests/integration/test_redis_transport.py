"""The Redis transport of kombu as workers have it, on a real server and without a worker."""

import json
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import kombu as typed_kombu
import pytest
from redis import Redis

from inference.broker.redis_broker import connection_settings
from inference.broker.redis_publisher import ticket
from inference.broker.ticket import NoTicket, ticket_headers
from testkit.hostile_messages import HOSTILE
from testkit.servers import Valkey
from testkit.waiting import until
from worker.celery_edge.redis_transport import TicketTransport

kombu: Any = typed_kombu  # half of it is
QUEUE = "inference.fault"
UNACKED, INDEX = f"{QUEUE}.unacked", f"{QUEUE}.unacked_index"


class Worker:
    """Consumes the queue without Celery, one message at a time."""

    def __init__(self, url: str) -> None:
        options = connection_settings(url, QUEUE)["broker_transport_options"]
        self.connection = kombu.Connection(
            url,
            transport=TicketTransport,
            # So each look for tickets of a dead worker is a look, and finds those of now.
            transport_options=options | {"unacked_restore_throttle": 1, "visibility_timeout": 0},
        )
        self.dropped: Counter[NoTicket] = Counter()
        self.taken: list[Any] = []
        self.connection.connect()
        self.connection.connection.on_dropped = lambda reason: self.dropped.update([reason])
        self.channel = self.connection.default_channel
        self.channel.basic_qos(0, 1, False)
        queue = kombu.Queue(QUEUE, kombu.Exchange(QUEUE), routing_key=QUEUE)
        self.consumer = kombu.Consumer(self.channel, [queue], on_message=self.taken.append)
        self.consumer.consume()

    def looked(self) -> bool:
        """Takes what is there, if it may."""
        with suppress(TimeoutError):
            self.connection.drain_events(timeout=0.1)
        return True

    def take(self) -> Any:
        """Waits for a ticket."""
        until(lambda: self.looked() and self.taken, "a ticket", step_s=0)
        return self.taken.pop()

    def find_abandoned(self) -> None:
        """Puts tickets of dead workers back."""
        self.channel.qos.restore_visible(num=100, interval=1)


@pytest.fixture
def worker(valkey: Valkey) -> Iterator[Worker]:
    worker = Worker(valkey.url())
    yield worker
    worker.connection.release()


@pytest.fixture
def broker(valkey: Valkey) -> Iterator[Redis]:
    with Redis.from_url(valkey.url()) as client:
        yield client


def test_a_ticket_behind_others_is_taken_written_anew_and_acknowledged(
    worker: Worker, broker: Redis
) -> None:
    item = ticket(QUEUE)
    broker.lpush(QUEUE, *(hostile for _, _, hostile in HOSTILE * 2), item, item)
    messages = []
    for _ in range(2):
        message = worker.take()
        assert broker.hlen(UNACKED) == 1
        message.ack()
        messages.append(message)
    assert worker.dropped == Counter(reason for _, reason, _ in HOSTILE * 2)
    assert broker.keys("*fault*") == []
    assert messages[0].delivery_tag != messages[1].delivery_tag, "doubled, and told apart"
    assert messages[0].headers == ticket_headers(json.loads(item)["headers"]["id"])
    assert messages[0].delivery_info["routing_key"] == QUEUE


def test_a_ticket_that_nobody_acknowledged_is_taken_by_another(
    worker: Worker, broker: Redis, valkey: Valkey
) -> None:
    broker.lpush(QUEUE, ticket(QUEUE))
    lost = worker.take()
    other = Worker(valkey.url())
    other.find_abandoned()
    assert other.take().headers == lost.headers
    assert other.dropped == {}
    other.connection.release()


MESSAGE = json.loads(ticket(QUEUE))
ODD_ENTRIES = {
    "text": b"text",
    "nothing": b"",
    "invalid UTF-8": b"\xff\xfe",
    "a number": b"7",
    "two things": json.dumps([MESSAGE, ""]).encode(),
    "no message": json.dumps([None, "", QUEUE]).encode(),
    "another task": json.dumps(
        [MESSAGE | {"headers": {"task": "a", "id": "b"}}, "", QUEUE]
    ).encode(),
    "a queue that is a list": json.dumps([MESSAGE, "", [QUEUE]]).encode(),
    "a type of kombu's": b'[{"__type__": "uuid", "__value__": {}}, "", "q"]',
    "deep lists": b"[" * 9_000,
    "1 MB": b'"' + b"x" * 2**20 + b'"',
}


def test_odd_entries_beside_the_queue_are_dropped_and_tickets_among_them_come_back(
    worker: Worker, broker: Redis
) -> None:
    good = json.dumps([MESSAGE, "", QUEUE]).encode()
    for name, entry in (ODD_ENTRIES | {"good": good}).items():
        broker.hset(UNACKED, name, entry)
    broker.zadd(INDEX, dict.fromkeys([*ODD_ENTRIES, "good", "of no entry"], 1.0))
    worker.find_abandoned()
    assert worker.dropped == {NoTicket.NOT_A_TICKET: len(ODD_ENTRIES)}
    assert broker.keys("*fault*") == [QUEUE.encode()]
    assert worker.take().headers["id"] == MESSAGE["headers"]["id"]


def test_a_queue_that_is_no_list_is_removed(worker: Worker, broker: Redis) -> None:
    broker.sadd(QUEUE, "somebody's")
    until(lambda: worker.looked() and not broker.exists(QUEUE), "the key to go", step_s=0)
    broker.lpush(QUEUE, ticket(QUEUE))
    worker.take().ack()
    assert worker.dropped == {NoTicket.WRONG_TYPE: 1}


@pytest.mark.parametrize("key", [UNACKED, INDEX])
def test_a_key_of_another_type_beside_the_queue_is_removed(
    worker: Worker, broker: Redis, key: str
) -> None:
    broker.set(key, "somebody's")
    worker.find_abandoned()
    broker.lpush(QUEUE, *(ticket(QUEUE) for _ in range(2)))
    taken = worker.take()
    broker.delete(key)
    broker.set(key, "somebody's")
    taken.ack()
    worker.take().ack()
    assert worker.dropped == {NoTicket.WRONG_TYPE: 2}
