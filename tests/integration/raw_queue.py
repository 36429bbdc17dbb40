"""Puts messages into a model's queue past every client of ours, one class for each broker."""

from collections import Counter
from collections.abc import Iterable
from typing import Protocol

import amqp
import redis

from inference.broker.celery_config import queue_name
from inference.broker.ticket import NoTicket
from testkit.hostile_messages import Kind, as_amqp
from testkit.rabbitmq import RabbitMQ

QUEUE = queue_name("inference", "fault")
A_CALL = 1_000


class RawQueue(Protocol):
    """The queue of the fault model."""

    def push(self, kinds: Iterable[Kind]) -> Counter[NoTicket]:
        """Puts those in that the broker can carry; returns how many there are of each reason."""


class RedisQueue:
    """A list of a Redis broker."""

    def __init__(self, url: str) -> None:
        self.client = redis.Redis.from_url(url)

    def push(self, kinds: Iterable[Kind]) -> Counter[NoTicket]:
        pushed = [*kinds]
        for start in range(0, len(pushed), A_CALL):
            self.client.lpush(QUEUE, *(item for _, _, item in pushed[start : start + A_CALL]))
        return Counter(reason for _, reason, _ in pushed)


class RabbitQueue:
    """A queue of a RabbitMQ."""

    def __init__(self, broker: RabbitMQ) -> None:
        self._broker = broker

    def push(self, kinds: Iterable[Kind]) -> Counter[NoTicket]:
        forms = [(reason, form) for _, reason, item in kinds if (form := as_amqp(item))]
        with self._broker.connection() as connection, connection.channel() as channel:
            for _, form in forms:
                message = amqp.Message(
                    form.body, application_headers=form.headers, **form.properties
                )
                channel.basic_publish(message, routing_key=QUEUE)
        return Counter(reason for reason, _ in forms)
