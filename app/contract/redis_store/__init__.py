"""The store on Redis >= 7 or Valkey >= 8: each move a Lua script, made here as data, sent by a blocking or an asyncio client."""

from app.contract.redis_store.blocking import RedisWorkerStore
from app.contract.redis_store.event_loop import RedisGatewayStore

__all__ = ["RedisGatewayStore", "RedisWorkerStore"]
