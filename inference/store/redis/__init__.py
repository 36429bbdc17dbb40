"""Implements the store on Redis >= 7 or Valkey >= 8.

Each move is a Lua script, which a blocking or an asyncio client calls by a command.
"""

from inference.store.redis.async_client import RedisGatewayStore
from inference.store.redis.notifications import RedisNotifications
from inference.store.redis.sync_client import RedisWorkerStore

__all__ = ["RedisGatewayStore", "RedisNotifications", "RedisWorkerStore"]
