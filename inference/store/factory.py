"""The one place that builds a store: STORE_URL says which kind."""

import secrets

from inference.call_times import CallTimes, untimed
from inference.redis_access import address, clients
from inference.settings import ContractSettings
from inference.store.notifications import Notifications
from inference.store.protocols import GatewayStore, WorkerStore
from inference.store.redis import RedisGatewayStore, RedisNotifications, RedisWorkerStore
from inference.store.redis.commands import Commands


def gateway_store(settings: ContractSettings, timed: CallTimes = untimed) -> GatewayStore:
    """Returns a gateway's side of the store; `timed` is told of each call.

    Raises `Misconfigured` for a STORE_URL of no kind of store.
    """
    server, timeout_s = _server(settings), settings.store_timeout_s
    client = clients.asyncio_client(server, timeout_s)
    return RedisGatewayStore(client, server, _commands(settings), timeout_s, timed=timed)


def worker_store(settings: ContractSettings, timed: CallTimes = untimed) -> WorkerStore:
    """Returns a worker's side of the store. Raises as `gateway_store` does."""
    server = _server(settings)
    client = clients.blocking_client(server, settings.store_timeout_s)
    return RedisWorkerStore(client, server, _commands(settings), timed=timed)


def notifications(settings: ContractSettings) -> Notifications:
    """Returns a gateway's subscription, on a channel of its own. Raises as `gateway_store` does."""
    client = clients.asyncio_client(_server(settings), settings.store_timeout_s)
    return RedisNotifications(client, f"{settings.key_prefix}:gateway:{secrets.token_hex(8)}")


def _server(settings: ContractSettings) -> address.RedisAddress:
    return address.parse("STORE_URL", settings.store_url)


def _commands(settings: ContractSettings) -> Commands:
    return Commands(settings.key_prefix, settings.limits, settings.installation)
