"""The one place that builds a store: STORE_URL says which kind."""

import secrets

from app.contract.errors import Misconfigured
from app.contract.notifications import Notifications
from app.contract.redis_store import RedisGatewayStore, RedisNotifications, RedisWorkerStore, blocking, event_loop
from app.contract.redis_store.commands import Commands
from app.contract.settings import ContractSettings
from app.contract.store import GatewayStore, WorkerStore

REDIS_SCHEMES = ("redis://", "rediss://", "unix://")


def gateway_store(settings: ContractSettings) -> GatewayStore:
    """Returns a gateway's side of the store. Raises `Misconfigured` for a STORE_URL of no kind of store."""
    _check(settings.store_url)
    client = event_loop.connect(settings.store_url, settings.store_timeout_s)
    return RedisGatewayStore(client, _commands(settings), settings.store_timeout_s)


def worker_store(settings: ContractSettings) -> WorkerStore:
    """Returns a worker's side of the store. Raises as `gateway_store` does."""
    _check(settings.store_url)
    return RedisWorkerStore(blocking.connect(settings.store_url, settings.store_timeout_s), _commands(settings))


def notifications(settings: ContractSettings) -> Notifications:
    """Returns a gateway's subscription, on a channel of its own. Raises as `gateway_store` does."""
    _check(settings.store_url)
    client = event_loop.connect(settings.store_url, settings.store_timeout_s)
    return RedisNotifications(client, f"{settings.key_prefix}:gateway:{secrets.token_hex(8)}")


def _check(url: str) -> None:
    if not url.startswith(REDIS_SCHEMES):
        raise Misconfigured(f"STORE_URL must start with {', '.join(REDIS_SCHEMES[:-1])} or {REDIS_SCHEMES[-1]}")


def _commands(settings: ContractSettings) -> Commands:
    return Commands(settings.key_prefix, settings.limits, settings.installation)
