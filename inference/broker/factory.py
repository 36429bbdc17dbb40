"""The one place that builds a publisher of tickets: BROKER_URL says which kind."""

from inference.broker.celery_config import check_broker_url
from inference.broker.protocols import TicketPublisher
from inference.broker.redis_publisher import RedisTicketPublisher, connect


def ticket_publisher(broker_url: str, key_prefix: str, timeout_s: float) -> TicketPublisher:
    """Returns a publisher that answers or fails within about `timeout_s`.

    Raises `Misconfigured` for a URL of no kind of broker.
    """
    check_broker_url(broker_url)
    return RedisTicketPublisher(connect(broker_url, timeout_s), key_prefix)
