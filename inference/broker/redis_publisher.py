"""Tickets on a Redis broker, laid out as kombu's Redis transport does.

So a worker's Celery takes them from the list.

Celery's own producer would block the gateway's event loop.
"""

import base64
import json
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

import redis.asyncio as redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from inference.broker.celery_config import TASK_NAME, queue_name
from inference.errors import BrokerUnavailable

_ID = b"@id@"
_EMPTY_BODY = base64.b64encode(
    json.dumps(
        [[], {}, {"callbacks": None, "errbacks": None, "chain": None, "chord": None}]
    ).encode()
).decode()


def connect(url: str, timeout_s: float) -> redis.Redis:
    """Returns a client that answers or fails within about `timeout_s`.

    It reconnects once by itself.
    """
    retry = Retry(NoBackoff(), 1)
    return redis.Redis.from_url(
        url, socket_timeout=timeout_s, socket_connect_timeout=timeout_s, retry=retry
    )


class RedisTicketPublisher:
    """See `TicketPublisher`."""

    def __init__(self, client: redis.Redis, key_prefix: str) -> None:
        self._client = client
        self._key_prefix = key_prefix

    async def publish(self, model: str, count: int) -> None:
        queue = queue_name(self._key_prefix, model)
        with _answering():
            await self._client.lpush(queue, *(ticket(queue) for _ in range(count)))

    async def ping(self) -> None:
        with _answering():
            await self._client.ping()

    async def close(self) -> None:
        await self._client.aclose()


@contextmanager
def _answering() -> Iterator[None]:
    try:
        yield
    except (RedisError, OSError) as error:
        raise BrokerUnavailable(str(error) or type(error).__name__) from error


def ticket(queue: str) -> bytes:
    """Returns a ticket as kombu's Redis transport lays a message out.

    It is Celery's message protocol 2, an empty call of TASK_NAME.

    Source: https://docs.celeryq.dev/en/stable/internals/protocol.html; tested against a stock
    worker.
    """
    return _ticket_form(queue).replace(_ID, str(uuid.uuid4()).encode())


@cache
def _ticket_form(queue: str) -> bytes:
    """All of a ticket but its id, which is made for each.

    The rest is always the same, and a gateway makes thousands a second.
    """
    task_id = _ID.decode()
    headers = {
        "lang": "py",
        "task": TASK_NAME,
        "id": task_id,
        "root_id": task_id,
        "parent_id": None,
        "group": None,
        "retries": 0,
        "eta": None,
        "expires": None,
        "timelimit": [None, None],
        "argsrepr": "()",
        "kwargsrepr": "{}",
        "origin": "gateway",
        "ignore_result": True,
    }
    properties = {
        "correlation_id": task_id,
        "reply_to": "",
        "delivery_mode": 2,
        "priority": 0,
        "body_encoding": "base64",
        "delivery_tag": task_id,
        "delivery_info": {"exchange": "", "routing_key": queue},
    }
    message = {
        "body": _EMPTY_BODY,
        "content-encoding": "utf-8",
        "content-type": "application/json",
        "headers": headers,
        "properties": properties,
    }
    return json.dumps(message).encode()
