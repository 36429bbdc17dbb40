"""The store is chosen by its URL."""

from collections.abc import Callable

import pytest

from app.contract.errors import Misconfigured
from app.contract.redis_store import RedisGatewayStore, RedisNotifications, RedisWorkerStore
from app.contract.settings import ContractSettings
from app.contract.store_factory import gateway_store, notifications, worker_store

BUILDERS: list[Callable[[ContractSettings], object]] = [gateway_store, worker_store, notifications]


@pytest.mark.parametrize("url", ["redis://127.0.0.1:1/0", "rediss://127.0.0.1:1/0", "unix:///run/redis.sock"])
def test_a_url_of_redis_gives_the_store_on_redis(url: str) -> None:
    kinds = [type(build(ContractSettings(store_url=url))) for build in BUILDERS]
    assert kinds == [RedisGatewayStore, RedisWorkerStore, RedisNotifications]


@pytest.mark.parametrize("url", ["http://127.0.0.1", "postgresql://db/inference", "127.0.0.1:6379"])
def test_a_url_of_another_scheme_is_refused_with_a_sentence(url: str) -> None:
    for build in BUILDERS:
        with pytest.raises(Misconfigured, match=r"^STORE_URL must start with redis://, rediss:// or unix://$"):
            build(ContractSettings(store_url=url))


def test_each_gateway_listens_on_a_channel_of_its_own() -> None:
    settings = ContractSettings(key_prefix="mine")
    one, other = notifications(settings).channel, notifications(settings).channel
    assert one != other
    assert one.startswith("mine:gateway:")
