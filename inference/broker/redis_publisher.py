"""Tickets on a Redis broker, laid out as kombu's Redis transport does.

So a worker's Celery takes them from the list.

Celery's own producer would block the gateway's event loop.
"""

import asyncio
import json
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

from redis.exceptions import RedisError

from inference.broker import redis_broker
from inference.broker.celery_config import queue_name
from inference.broker.ticket import redis_form, ticket_headers
from inference.errors import BrokerUnavailable
from inference.redis_access.address import RedisAddress
from inference.redis_access.clients import asyncio_client

_ID = b"@id@"


class RedisTicketPublisher:
    """See `TicketPublisher`. It answers or fails within about `timeout_s`."""

    def __init__(self, server: RedisAddress, key_prefix: str, timeout_s: float) -> None:
        self._client = asyncio_client(server, timeout_s)
        self._server = server
        self._key_prefix = key_prefix
        self._timeout_s = timeout_s

    async def publish(self, model: str, count: int) -> None:
        queue = queue_name(self._key_prefix, model)
        with _answering():
            await self._client.lpush(queue, *(ticket(queue) for _ in range(count)))

    async def check(self, models: tuple[str, ...]) -> None:
        del models  # a list needs no declaring, and workers remove a key of another type
        await asyncio.to_thread(redis_broker.check, self._server, self._timeout_s)

    async def close(self) -> None:
        await self._client.aclose()


@contextmanager
def _answering() -> Iterator[None]:
    try:
        yield
    except (RedisError, OSError) as error:
        raise BrokerUnavailable(str(error) or type(error).__name__) from error


def ticket(queue: str) -> bytes:
    """Returns a ticket as kombu's Redis transport lays a message out."""
    return _ticket_form(queue).replace(_ID, str(uuid.uuid4()).encode())


@cache
def _ticket_form(queue: str) -> bytes:
    """All of a ticket but its id, which is made for each.

    The rest is always the same, and a gateway makes thousands a second.
    """
    task_id = _ID.decode()
    return json.dumps(redis_form(ticket_headers(task_id), queue, task_id)).encode()
