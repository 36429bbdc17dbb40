"""kombu's AMQP transports, made to take tickets only.

A message is judged as it is delivered, before kombu reads it. One that is no ticket is
acknowledged at once, and the broker sends the next.
"""

from collections.abc import Callable
from struct import unpack_from
from typing import Any

import amqp
from amqp.method_framing import frame_handler
from amqp.serialization import decode_properties_basic, loads
from amqp.spec import Basic
from kombu.transport import pyamqp

from inference.broker.ticket import (
    BODY,
    CONTENT_ENCODING,
    CONTENT_TYPE,
    NoTicket,
    Ticket,
    read_ticket,
)

_METHOD, _HEADER = 1, 2
_BEFORE_PROPERTIES = 12
_NO_PROPERTIES = b"\x00\x00"
_DELIVERY = "sLbss"
"""Consumer tag, delivery tag, redelivered, exchange, routing key."""


class TicketChannel(pyamqp.Channel):
    """Hands kombu tickets only, each written anew."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # Else a body is decoded by whatever codec it names, at any size, before it is judged.
        self.auto_decode = False

    def _on_basic_deliver(self, consumer_tag: str, delivery_tag: int, *rest: Any) -> None:
        message = rest[-1]  # behind: redelivered, exchange, routing key
        ticket = read_amqp_message(message)
        if isinstance(ticket, NoTicket):
            self.basic_ack(delivery_tag)
            self.connection.on_dropped(ticket)
            return
        message.body = BODY
        message.properties = {
            "content_type": CONTENT_TYPE,
            "content_encoding": CONTENT_ENCODING,
            "application_headers": ticket.headers(),
            "correlation_id": ticket.id,
        }
        super()._on_basic_deliver(consumer_tag, delivery_tag, *rest)


class TicketConnection(pyamqp.Connection):
    """A connection that no message's header ends."""

    Channel = TicketChannel

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs, frame_handler=readable_frames)
        self.on_dropped: Callable[[NoTicket], None] = lambda _: None
        """Called for each message that is dropped. The consumer sets its own."""


class _NamesEachHost(pyamqp.Transport):
    """Verifies each of several hosts by its own name. kombu keeps the first one's."""

    def establish_connection(self) -> Any:
        client: Any = self.client
        if isinstance(client.ssl, dict):
            client.ssl = client.ssl | {"server_hostname": client.hostname}
        return super().establish_connection()  # type: ignore[no-untyped-call]


class TicketTransport(_NamesEachHost):
    """RabbitMQ."""

    Connection = TicketConnection


class TicketSSLTransport(_NamesEachHost, pyamqp.SSLTransport):
    """RabbitMQ by TLS."""

    Connection = TicketConnection


def read_amqp_message(message: amqp.Message) -> Ticket | NoTicket:
    """Reads a message as py-amqp has it."""
    properties = message.properties
    return read_ticket(
        properties.get("application_headers"),
        properties.get("content_type"),
        properties.get("content_encoding"),
        message.body,
    )


def readable_frames(connection: Any, callback: Callable[..., Any]) -> Callable[[Any], Any]:
    """Returns py-amqp's reader of frames, which gets none that it can't decode.

    A date past the year 9999 or a table nested too deep in a header raises in py-amqp, outside of
    what Celery catches, and ended the worker. Such a message comes without its properties, and one
    with an odd routing key comes without that.
    """
    read = frame_handler(connection, callback)

    def on_frame(frame: tuple[int, int, bytes]) -> Any:
        kind, channel, content = frame
        if kind == _HEADER and not _decodes(decode_properties_basic, content, _BEFORE_PROPERTIES):
            content = content[:_BEFORE_PROPERTIES] + _NO_PROPERTIES
        elif (
            kind == _METHOD
            and unpack_from(">HH", content) == Basic.Deliver
            and not _decodes(loads, _DELIVERY, content, 4)
        ):
            before_exchange = 4 + 1 + content[4] + 8 + 1
            content = content[:before_exchange] + b"\x00\x00"
        return read((kind, channel, content))

    return on_frame


def _decodes(decode: Callable[..., Any], *args: Any) -> bool:
    try:
        decode(*args)
    except Exception:  # py-amqp raises whatever its decoding raised
        return False
    return True
