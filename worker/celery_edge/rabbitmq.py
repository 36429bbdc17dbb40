"""RabbitMQ as this worker's Celery uses it: its queue, and what it refuses."""

import ssl
from typing import Any

import amqp
import kombu.entity

from inference.broker import rabbitmq_refusals as refusals
from inference.broker.rabbitmq_address import RabbitAddress
from inference.broker.rabbitmq_broker import CONSUMER_TIMEOUT_S, QUEUE_ARGUMENTS
from inference.errors import BrokerUnavailable, Misconfigured, first_line
from worker.settings import WorkerSettings

_TIMEOUT_OF_OLD_SERVERS_S = 1800
_ARGUMENT_SINCE = (3, 12)


def queue_of(name: str) -> Any:
    """Returns kombu's `Queue`, in the default exchange as gateways have it."""
    entity: Any = kombu.entity
    return entity.Queue(
        name, entity.Exchange(""), routing_key=name, durable=True, queue_arguments=QUEUE_ARGUMENTS
    )


def check(connection: Any, settings: WorkerSettings) -> str:
    """Declares the worker's queue on a connection; returns a warning, or ''.

    Raises `Misconfigured` for what trying again can't mend, else `BrokerUnavailable`.
    """
    address = RabbitAddress.parse(settings.broker_url)
    try:
        connection.ensure_connection(max_retries=1, timeout=2)
        with connection.channel() as channel:
            queue_of(settings.queue)(channel).declare()
    except Exception as error:  # kombu passes on whatever the transport raised
        if sentence := _refusal(error, address):
            raise Misconfigured(sentence) from error
        reason = first_line(error)
        raise BrokerUnavailable(reason + refusals.hint(address, reason)) from error
    return _weakness(connection.connection.server_properties, settings.backstop_s)


def _refusal(error: Exception, address: RabbitAddress) -> str:
    cause = error.__cause__ if isinstance(error.__cause__, Exception) else error
    match cause:
        case amqp.NotAllowed():
            return refusals.virtual_host(address)
        case amqp.PreconditionFailed():
            return refusals.queue(first_line(cause))
        case amqp.AccessRefused() if cause.method_sig == (0, 0) or "Login" in str(cause):
            return refusals.login(address)
        case amqp.AccessRefused():
            return refusals.rights(address, first_line(cause))
        case ssl.SSLError():
            return refusals.tls(address, cause)
    return ""


def _weakness(server: dict[str, Any], longest_run_s: float) -> str:
    told = str(server.get("version", ""))
    version = tuple(int(part) for part in told.split(".")[:2] if part.isdigit())
    limit_s = CONSUMER_TIMEOUT_S if version >= _ARGUMENT_SINCE else _TIMEOUT_OF_OLD_SERVERS_S
    if longest_run_s <= limit_s:
        return ""
    return (
        f"RabbitMQ {told} takes a ticket back after {limit_s} s, unless its consumer_timeout says"
        f" otherwise, and a run may take {longest_run_s:g} s by RUN_LIMIT_S and MAX_BATCH_WAIT_MS:"
        " the worker then connects anew at the end of the run"
    )
