"""Which of our transports stands for which scheme of BROKER_URL."""

from kombu import transport

OURS = {
    "redis": "worker.celery_edge.redis_transport:TicketTransport",
    "rediss": "worker.celery_edge.redis_transport:TicketTransport",
    "sentinel": "worker.celery_edge.redis_transport:SentinelTicketTransport",
    "amqp": "worker.celery_edge.amqp_transport:TicketTransport",
    "pyamqp": "worker.celery_edge.amqp_transport:TicketTransport",
    "amqps": "worker.celery_edge.amqp_transport:TicketSSLTransport",
}


def use_our_transports() -> None:
    """Has kombu use our transports in this process.

    By the schemes' names, since kombu goes by a URL's scheme when it fails over, whatever
    transport it was told to use before.
    """
    transport.TRANSPORT_ALIASES.update(OURS)
    for scheme in OURS:
        transport._transport_cache.pop(scheme, None)
