"""Finds the primary through Sentinels, and says what is wrong where none names it.

redis-py's own search says "No master found" for a name that nobody knows, for Sentinels that refuse
the password, and for those that are away.
"""

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import redis
from redis.asyncio import sentinel as asyncio_sentinel
from redis.exceptions import RedisError

from inference.redis_access.connections import (
    AsyncioPrimaryConnection,
    AsyncioPrimaryTlsConnection,
    BlockingTlsConnection,
    PrimaryConnection,
    PrimaryTlsConnection,
    TlsConnection,
)
from inference.redis_access.troubles import UnknownService, is_for_good

T = TypeVar("T")


class _Search:
    """What the Sentinels of a set answered, one after the other."""

    def __init__(self, service: str) -> None:
        self._service = service
        self._known: set[str] = set()
        self._errors: list[Exception] = []

    def address(self, masters: Mapping[str, Any]) -> tuple[str, int] | None:
        """Returns where the primary is by one Sentinel, None where it knows none or it is down."""
        self._known |= set(masters)
        state = masters.get(self._service)
        if not state or not state["is_master"] or state["is_sdown"] or state["is_odown"]:
            return None
        return state["ip"], state["port"]

    def missed(self, error: Exception) -> None:
        self._errors.append(error)

    def failure(self) -> Exception:
        """Returns the error to raise once all were asked, for the gravest reason found."""
        errors = sorted(self._errors, key=is_for_good, reverse=True)
        if self._service in self._known:
            failure: Exception = redis.ConnectionError(
                f"the Sentinels say that the primary of {self._service} is down"
            )
        elif not errors:
            others = f": they know {', '.join(sorted(self._known))}" if self._known else ""
            failure = UnknownService(f"no Sentinel knows a service {self._service}{others}")
        else:
            failure = redis.ConnectionError(f"no Sentinel told of {self._service}: {errors[0]}")
            failure.__cause__ = errors[0]
        return failure


def _first(found: T, order: Sequence[T]) -> list[T]:
    """Returns the order in which the next search begins with the one that answered."""
    return [found, *(each for each in order if each is not found)]


class _BlockingSentinels(redis.Sentinel):
    """redis-py's, with a reason where there is no primary."""

    def discover_master(self, service_name: str) -> tuple[str, int]:
        search = _Search(service_name)
        # Connections search side by side, and each may change the order: by another list.
        order = self.sentinels
        for sentinel in order:
            try:
                masters: Any = sentinel.sentinel_masters()
            except (RedisError, OSError) as error:
                search.missed(error)
                continue
            if address := search.address(masters):
                self.sentinels = _first(sentinel, order)
                return address
        raise search.failure()


class _AsyncioSentinels(asyncio_sentinel.Sentinel):
    """redis-py's, with a reason where there is no primary."""

    async def discover_master(self, service_name: str) -> tuple[str, int]:
        search = _Search(service_name)
        order = self.sentinels
        for sentinel in order:
            try:
                masters: Any = await sentinel.sentinel_masters()
            except (RedisError, OSError) as error:
                search.missed(error)
                continue
            if address := search.address(masters):
                self.sentinels = _first(sentinel, order)
                return address
        raise search.failure()


class _BlockingPool(redis.sentinel.SentinelConnectionPool):
    """redis-py's; closing it closes what it asked the Sentinels over too."""

    def disconnect(self, inuse_connections: bool = True) -> None:
        super().disconnect(inuse_connections)
        if inuse_connections:
            self.sentinel_manager.close()


class _AsyncioPool(asyncio_sentinel.SentinelConnectionPool):
    """redis-py's; closing it closes what it asked the Sentinels over too."""

    async def disconnect(self, inuse_connections: bool = True) -> None:
        await super().disconnect(inuse_connections)
        if inuse_connections:
            await self.sentinel_manager.aclose()


def blocking_pool(
    service: str,
    hosts: Sequence[tuple[str, int]],
    asking: Mapping[str, Any],
    *,
    tls: bool,
    **options: Any,
) -> redis.ConnectionPool:
    """Returns a pool of connections to the primary that the Sentinels at `hosts` name.

    `asking` is what their own clients take.
    """
    manager = _BlockingSentinels(hosts, sentinel_kwargs=asking)  # type: ignore[no-untyped-call]
    if "ssl" in asking:
        for sentinel in manager.sentinels:
            sentinel.connection_pool.connection_class = BlockingTlsConnection
    options["connection_class"] = PrimaryTlsConnection if tls else PrimaryConnection
    return _BlockingPool(service, manager, **options)  # type: ignore[no-untyped-call]


def asyncio_pool(
    service: str,
    hosts: Sequence[tuple[str, int]],
    asking: Mapping[str, Any],
    *,
    tls: bool,
    **options: Any,
) -> asyncio_sentinel.SentinelConnectionPool:
    """Returns such a pool for asyncio."""
    manager = _AsyncioSentinels(hosts, sentinel_kwargs=asking)  # type: ignore[no-untyped-call]
    if "ssl" in asking:
        for sentinel in manager.sentinels:
            sentinel.connection_pool.connection_class = TlsConnection
    options["connection_class"] = AsyncioPrimaryTlsConnection if tls else AsyncioPrimaryConnection
    return _AsyncioPool(service, manager, **options)  # type: ignore[no-untyped-call]
