"""The one place that builds a store: STORE_URL says which kind."""

import secrets

from inference.errors import Misconfigured
from inference.settings import ContractSettings
from inference.store.notifications import Notifications
from inference.store.protocols import GatewayStore, WorkerStore
from inference.store.redis import (
    RedisGatewayStore,
    RedisNotifications,
    RedisWorkerStore,
    async_client,
    sync_client,
)
from inference.store.redis.commands import Commands

REDIS_SCHEMES = ("redis://", "rediss://", "unix://")


def gateway_store(settings: ContractSettings) -> GatewayStore:
    """Returns a gateway's side of the store.

    Raises `Misconfigured` for a STORE_URL of no kind of store.
    """
    _check(settings.store_url)
    client = async_client.connect(settings.store_url, settings.store_timeout_s)
    return RedisGatewayStore(client, _commands(settings), settings.store_timeout_s)


def worker_store(settings: ContractSettings) -> WorkerStore:
    """Returns a worker's side of the store. Raises as `gateway_store` does."""
    _check(settings.store_url)
    return RedisWorkerStore(
        sync_client.connect(settings.store_url, settings.store_timeout_s), _commands(settings)
    )


def notifications(settings: ContractSettings) -> Notifications:
    """Returns a gateway's subscription, on a channel of its own. Raises as `gateway_store` does."""
    _check(settings.store_url)
    client = async_client.connect(settings.store_url, settings.store_timeout_s)
    return RedisNotifications(client, f"{settings.key_prefix}:gateway:{secrets.token_hex(8)}")


def _check(url: str) -> None:
    if not url.startswith(REDIS_SCHEMES):
        raise Misconfigured(
            f"STORE_URL must start with {', '.join(REDIS_SCHEMES[:-1])} or {REDIS_SCHEMES[-1]}"
        )


def _commands(settings: ContractSettings) -> Commands:
    return Commands(settings.key_prefix, settings.limits, settings.installation)
