"""The store on Redis >= 7 or Valkey >= 8: each move is a Lua script, which a blocking or an asyncio client calls by a command."""

from app.contract.redis_store.blocking import RedisWorkerStore
from app.contract.redis_store.event_loop import RedisGatewayStore
from app.contract.redis_store.notifications import RedisNotifications

__all__ = ["RedisGatewayStore", "RedisNotifications", "RedisWorkerStore"]
