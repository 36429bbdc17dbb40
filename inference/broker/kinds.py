"""The kinds of broker that BROKER_URL may name: each has its schemes in one line here."""

from inference.broker import rabbitmq_address, redis_broker
from inference.errors import Misconfigured

SCHEMES = (*redis_broker.SCHEMES, *rabbitmq_address.SCHEMES)


def check_broker_url(broker_url: str) -> None:
    """Raises `Misconfigured` for a BROKER_URL that is of no known kind of broker.

    Both gateways and workers must know the kind.
    """
    if not broker_url.startswith(SCHEMES):
        raise Misconfigured(
            f"BROKER_URL must start with {', '.join(SCHEMES[:-1])} or {SCHEMES[-1]}"
        )


def is_rabbitmq(broker_url: str) -> bool:
    """Whether the URL is a RabbitMQ's."""
    return broker_url.startswith(rabbitmq_address.SCHEMES)
