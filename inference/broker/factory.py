"""Builds a publisher of tickets and looks at a broker: BROKER_URL says of which kind it is."""

from inference.broker import redis_broker
from inference.broker.kinds import check_broker_url, is_rabbitmq
from inference.broker.protocols import TicketPublisher
from inference.broker.rabbitmq_address import RabbitAddress
from inference.broker.redis_publisher import RedisTicketPublisher
from inference.redis_access.address import parse


def ticket_publisher(broker_url: str, key_prefix: str, timeout_s: float) -> TicketPublisher:
    """Returns a publisher that answers or fails within about `timeout_s`.

    Raises `Misconfigured` for a URL of no kind of broker, or that can't be read.
    """
    check_broker_url(broker_url)
    if is_rabbitmq(broker_url):
        # aio-pika is 4 MiB, and only gateways on a RabbitMQ need it.
        from inference.broker.rabbitmq_publisher import RabbitTicketPublisher

        return RabbitTicketPublisher(RabbitAddress.parse(broker_url), key_prefix, timeout_s)
    return RedisTicketPublisher(parse("BROKER_URL", broker_url), key_prefix, timeout_s)


def check_redis_broker(broker_url: str, timeout_s: float, queue: str) -> None:
    """Looks once, for a worker of the queue, at a broker of the Redis family; it blocks.

    Raises `Misconfigured` for one that waiting can't mend, `BrokerUnavailable` for one that does
    not answer.
    """
    redis_broker.check(parse("BROKER_URL", broker_url), timeout_s, queue)
