"""Makes redis-py's clients for an address: each answers or fails within a time.

A client reconnects once by itself. Behind Sentinels each new connection asks them for the primary,
and a connection to one that was demoted is given up at its first READONLY.
"""

from typing import Any

import redis
import redis.asyncio
from redis.asyncio.retry import Retry as AsyncioRetry
from redis.backoff import NoBackoff
from redis.retry import Retry

from inference.redis_access.address import RedisAddress
from inference.redis_access.connections import BlockingTlsConnection, TlsConnection
from inference.redis_access.sentinels import asyncio_pool, blocking_pool


def blocking_client(address: RedisAddress, timeout_s: float) -> redis.Redis:
    """Returns a client that answers or fails within about `timeout_s`."""
    options: dict[str, Any] = address.server_options(timeout_s) | {"retry": Retry(NoBackoff(), 1)}
    pool: redis.ConnectionPool
    if address.service:
        asking = address.sentinel_options(timeout_s) | {"retry": Retry(NoBackoff(), 0)}
        pool = blocking_pool(
            address.service, address.hosts, asking, tls=bool(address.tls), **options
        )
    else:
        kind: type[Any] = BlockingTlsConnection if address.tls else redis.Connection
        kind = redis.UnixDomainSocketConnection if address.path else kind
        pool = redis.ConnectionPool(kind, **_place(address), **options)
    return redis.Redis.from_pool(pool)


def asyncio_client(address: RedisAddress, timeout_s: float) -> redis.asyncio.Redis:
    """Returns an asyncio client that answers or fails within about `timeout_s`."""
    options: dict[str, Any] = address.server_options(timeout_s)
    options["retry"] = AsyncioRetry(NoBackoff(), 1)
    pool: redis.asyncio.ConnectionPool
    if address.service:
        asking = address.sentinel_options(timeout_s) | {"retry": AsyncioRetry(NoBackoff(), 0)}
        pool = asyncio_pool(
            address.service, address.hosts, asking, tls=bool(address.tls), **options
        )
    else:
        kind: type[Any] = TlsConnection if address.tls else redis.asyncio.Connection
        kind = redis.asyncio.UnixDomainSocketConnection if address.path else kind
        pool = redis.asyncio.ConnectionPool(kind, **_place(address), **options)
    return redis.asyncio.Redis.from_pool(pool)


def _place(address: RedisAddress) -> dict[str, Any]:
    if address.path:
        return {"path": address.path}
    ((host, port),) = address.hosts
    return {"host": host, "port": port}
