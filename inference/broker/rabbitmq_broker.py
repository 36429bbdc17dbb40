"""A model's queue on RabbitMQ, as both sides declare it, and Celery's connection to it."""

import ssl
from typing import Any

from inference.broker.rabbitmq_address import RabbitAddress

HEARTBEAT_S = 10
"""A connection that is silent for twice this long is taken for lost."""

CONSUMER_TIMEOUT_S = 7 * 86_400
"""How long a worker may run what a ticket brought, in seconds.

RabbitMQ closes the channel of one that takes longer; its own default is 30 minutes. It takes this
argument of a queue from 3.12 on; before, the server's `consumer_timeout` counts.
"""

QUEUE_ARGUMENTS: dict[str, Any] = {
    "x-queue-type": "quorum",
    # A ticket names no record, so one that was delivered to this many workers that died is dropped
    # and heartbeats send another. RabbitMQ 4 has this limit anyway; 3 would deliver it for ever.
    "x-delivery-limit": 20,
    "x-consumer-timeout": CONSUMER_TIMEOUT_S * 1000,
}
"""Both sides declare a queue with the same arguments, or RabbitMQ refuses the second."""


def connection_settings(broker_url: str) -> dict[str, Any]:
    """Returns Celery's settings of the connection. Raises `Misconfigured` for no RabbitMQ's URL."""
    address = RabbitAddress.parse(broker_url)
    return {
        "broker_url": address.celery_urls(),
        # The default exchange, which needs no declaring: else Celery makes one of the queue's name.
        "task_default_exchange": "",
        "broker_use_ssl": _celery_tls(address),
        "broker_heartbeat": HEARTBEAT_S,
        "broker_connection_timeout": 2.0,
        "broker_transport_options": {
            "confirm_publish": True,
            # For calls that wait for an answer; a broker may stand still.
            "read_timeout": 5.0,
            "write_timeout": 5.0,
        },
    }


def _celery_tls(address: RabbitAddress) -> dict[str, Any] | bool:
    """Returns py-amqp's parameters of `ssl.SSLContext`; the transport adds the host's name."""
    tls = address.tls
    if tls is None:
        return False
    tls.context()  # raises for files that can't be used
    named = {"ca_certs": tls.ca_certs, "certfile": tls.certfile, "keyfile": tls.keyfile}
    return {name: file for name, file in named.items() if file} | {
        "cert_reqs": ssl.CERT_REQUIRED if tls.verify else ssl.CERT_NONE
    }
