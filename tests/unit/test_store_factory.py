"""The store and the publisher of tickets are chosen by their URLs."""

from collections.abc import Callable

import pytest

from inference.broker.celery_config import celery_config
from inference.broker.factory import ticket_publisher
from inference.broker.rabbitmq_publisher import RabbitTicketPublisher
from inference.broker.redis_publisher import RedisTicketPublisher
from inference.errors import Misconfigured
from inference.settings import ContractSettings
from inference.store.factory import gateway_store, notifications, worker_store
from inference.store.redis import RedisGatewayStore, RedisNotifications, RedisWorkerStore

BUILDERS: list[Callable[[ContractSettings], object]] = [gateway_store, worker_store, notifications]


@pytest.mark.parametrize(
    "url",
    [
        "redis://127.0.0.1:1/0",
        "rediss://127.0.0.1:1/0",
        "unix:///run/redis.sock",
        "sentinel://127.0.0.1:1,127.0.0.1:2/0?service_name=mymaster",
    ],
)
def test_a_url_of_redis_gives_the_store_on_redis(url: str) -> None:
    kinds = [type(build(ContractSettings(store_url=url))) for build in BUILDERS]
    assert kinds == [RedisGatewayStore, RedisWorkerStore, RedisNotifications]
    assert isinstance(ticket_publisher(url, "inference", 1), RedisTicketPublisher)


@pytest.mark.parametrize("url", ["amqp://guest:guest@127.0.0.1//", "amqps://one,two/jobs"])
def test_a_url_of_rabbitmq_gives_the_publisher_on_rabbitmq(url: str) -> None:
    assert isinstance(ticket_publisher(url, "inference", 1), RabbitTicketPublisher)


@pytest.mark.parametrize("url", ["http://127.0.0.1", "postgresql://db/inference", "127.0.0.1:6379"])
def test_a_url_of_another_scheme_is_refused_with_a_sentence(url: str) -> None:
    for build in BUILDERS:
        with pytest.raises(
            Misconfigured,
            match=r"^STORE_URL must start with redis://, rediss://, unix:// or sentinel://$",
        ):
            build(ContractSettings(store_url=url))
    builders: list[Callable[[], object]] = [
        lambda: ticket_publisher(url, "inference", 1),
        lambda: celery_config(url, "q", 1, 1),
    ]
    for build_broker in builders:
        with pytest.raises(
            Misconfigured,
            match=r"^BROKER_URL must start with redis://, rediss://, unix://, sentinel://,"
            r" amqp:// or amqps://$",
        ):
            build_broker()


def test_each_gateway_listens_on_a_channel_of_its_own() -> None:
    settings = ContractSettings(key_prefix="mine")
    one, other = notifications(settings).channel, notifications(settings).channel
    assert one != other
    assert one.startswith("mine:gateway:")
