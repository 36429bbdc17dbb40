"""Connections by TLS for kombu, which verify a server as all others of the service do.

redis-py's own trust the machine's CAs beside the one that is named.
"""

from typing import Any

from redis.sentinel import SentinelManagedConnection

from inference.redis_access.connections import BlockingTlsConnection

__all__ = ["BlockingTlsConnection", "SentinelManagedTlsConnection", "ask_by_tls"]


class SentinelManagedTlsConnection(SentinelManagedConnection, BlockingTlsConnection):
    """A connection to the server that the Sentinels name."""


def ask_by_tls(manager: Any) -> None:
    """Has a `redis.Sentinel` ask its Sentinels the same way, where it asks by TLS."""
    if manager.sentinel_kwargs.get("ssl"):
        for sentinel in manager.sentinels:
            sentinel.connection_pool.connection_class = BlockingTlsConnection
