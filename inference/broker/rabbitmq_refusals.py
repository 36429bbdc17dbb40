"""The sentences for a RabbitMQ that refuses for good, the same from gateways and workers."""

import ssl

from inference.broker.rabbitmq_address import RabbitAddress

_NO_TLS = ("WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "PACKET_LENGTH_TOO_LONG")
"""What OpenSSL says of an answer that is no TLS."""


def login(address: RabbitAddress) -> str:
    """Returns the sentence for a user or password that is wrong."""
    return f"{_at(address)} refused the user {address.user} or its password: see BROKER_URL"


def virtual_host(address: RabbitAddress) -> str:
    """Returns the sentence for a virtual host that is not there, or not this user's."""
    return (
        f"{_at(address)} has no virtual host {address.virtual_host}, or the user {address.user}"
        " may not use it: see BROKER_URL"
    )


def tls(address: RabbitAddress, error: Exception) -> str:
    """Returns the sentence for a connection that could not be made safe."""
    if isinstance(error, ssl.SSLError) and error.reason in _NO_TLS:
        return (
            f"what answers at {_places(address)} speaks no TLS ({error.reason}): BROKER_URL must"
            " name its port for TLS, or begin with amqp://"
        )
    return (
        f"no TLS with {_at(address)} ({error}): BROKER_URL's ssl_ca_certs must name the authority"
        " of its certificate"
    )


def hint(address: RabbitAddress, reason: str) -> str:
    """Returns why a connection may have failed as it began, as the end of a sentence."""
    said = reason.lower()
    if "timed out" in said or "did not answer" in said:
        return " (what takes a connection there and says nothing may be no RabbitMQ)"
    if "reset" not in said and "closed" not in said:
        return ""
    if address.tls is None:
        return " (without TLS: its port may take TLS alone, which is amqps://)"
    return " (by TLS: it may not take this client's certificate, or no TLS at this port)"


def queue(detail: str) -> str:
    """Returns the sentence for a queue that others declared."""
    return (
        f"the queue of tickets exists on RabbitMQ with other arguments ({detail}): delete it, its"
        " tickets are made again"
    )


def rights(address: RabbitAddress, detail: str) -> str:
    """Returns the sentence for a user that lacks a right."""
    return (
        f"{_at(address)} does not let the user {address.user} configure, write and read the queue"
        f" of tickets ({detail})"
    )


def protocol(address: RabbitAddress) -> str:
    """Returns the sentence for a server that speaks something else."""
    return f"what answers at {_places(address)} is no RabbitMQ, or wants TLS: see BROKER_URL"


def _at(address: RabbitAddress) -> str:
    return f"RabbitMQ at {_places(address)}"


def _places(address: RabbitAddress) -> str:
    return ", ".join(f"{host}:{port}" for host, port in address.hosts)
