"""The AMQP transport hands Celery tickets only, and no frame of a message ends the worker.

Real frames go through py-amqp's reader, as if a broker had sent them.
"""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from struct import pack
from typing import Any

import amqp
import kombu.transport
import pytest
from amqp.serialization import dumps
from amqp.spec import Basic
from kombu.connection import Connection
from kombu.transport import TRANSPORT_ALIASES
from kombu.transport.redis import SentinelChannel, SentinelTransport

from inference.broker.redis_publisher import ticket
from inference.broker.ticket import BODY, NoTicket, ticket_headers
from testkit.hostile_messages import HOSTILE, AmqpForm, as_amqp
from worker.celery_edge.amqp_transport import TicketChannel, TicketConnection
from worker.celery_edge.redis_transport import SentinelTicketTransport
from worker.celery_edge.transports import OURS, use_our_transports

AMQP_FORMS = [
    pytest.param(reason, form, id=name)
    for name, reason, item in HOSTILE
    if (form := as_amqp(item)) is not None
]


def a_ticket(**headers: Any) -> AmqpForm:
    """What a gateway publishes, with more headers."""
    form = as_amqp(ticket("inference.fault"))
    assert form is not None
    return AmqpForm(form.headers | headers, form.properties, form.body)


class Broker:
    """A channel that consumes, the frames that it is sent, and what becomes of them."""

    def __init__(self) -> None:
        self.connection: Any = TicketConnection()
        self.channel: Any = TicketChannel(self.connection, 1)
        self.taken: list[Any] = []
        self.acknowledged: list[int] = []
        self.dropped: list[NoTicket] = []
        self.connection.on_dropped = self.dropped.append
        self.channel.basic_ack = self._acknowledge
        self.channel.callbacks["consumer"] = self.taken.append
        self.connection.channels[1] = self.channel
        take = self.connection.on_inbound_method
        self._read = self.connection.frame_handler_cls(self.connection, take)
        self._delivered = 0

    def deliver(self, form: AmqpForm, routing_key: bytes = b"inference.fault") -> None:
        """Sends a message."""
        message = amqp.Message(**{"application_headers": form.headers} | form.properties)
        self.deliver_frames(message._serialize_properties(), form.body, routing_key)

    def deliver_frames(
        self, properties: bytes, body: bytes = BODY, routing_key: bytes = b"inference.fault"
    ) -> None:
        self._delivered += 1
        method = pack(">HH", *Basic.Deliver) + dumps("sLb", ("consumer", self._delivered, False))
        self._frame(1, method + b"\x00" + bytes([len(routing_key)]) + routing_key)
        self._frame(2, pack(">HxxQ", Basic.CLASS_ID, len(body)) + properties)
        if body:
            self._frame(3, body)

    def _frame(self, kind: int, content: bytes) -> None:
        self._read((kind, 1, content))

    def _acknowledge(self, delivery_tag: int) -> None:
        self.acknowledged.append(delivery_tag)


@pytest.fixture
def broker() -> Iterator[Broker]:
    broker = Broker()
    yield broker
    broker.deliver(a_ticket())
    assert broker.taken.pop().delivery_tag == broker._delivered, "the next ticket is taken"


def test_a_ticket_is_taken_written_anew(broker: Broker) -> None:
    form = a_ticket(origin="somebody", shadow="x", traceparent="00-1")
    form.properties["reply_to"] = "me"
    broker.deliver(form)
    (message,) = broker.taken
    read = broker.channel.message_to_python(message)
    assert read.headers == ticket_headers(form.headers["id"]) | {"traceparent": "00-1"}
    assert read.properties.keys().isdisjoint({"reply_to", "expiration"})
    assert read.payload == json.loads(BODY)
    assert (broker.acknowledged, broker.dropped) == ([], [])


@pytest.mark.parametrize(("reason", "form"), AMQP_FORMS)
def test_what_is_no_ticket_is_acknowledged_and_counted(
    broker: Broker, reason: NoTicket, form: AmqpForm
) -> None:
    broker.deliver(form)
    assert (broker.taken, broker.acknowledged, broker.dropped) == ([], [1], [reason])


def table(content: bytes) -> bytes:
    """A message's properties: a table of headers alone."""
    return pack(">HI", 0x2000, len(content)) + content


NESTED = b""
for _ in range(6_000):
    NESTED = b"\x01aF" + pack(">I", len(NESTED)) + NESTED
UNREADABLE = {
    "a date past the year 9999": table(b"\x01aT" + b"\xff" * 8),
    "tables in tables": table(NESTED),
    "an unknown type": table(b"\x01a?" + b"\xff" * 8),
    "a table cut short": pack(">HI", 0x2000, 2**31) + b"\x01a",
    "a content type that is no text": pack(">HB", 0x8000, 2) + b"\xff\xfe",
    "nothing": b"",
}


@pytest.mark.parametrize("properties", UNREADABLE.values(), ids=UNREADABLE)
def test_a_message_whose_properties_can_not_be_read_is_dropped(
    broker: Broker, properties: bytes
) -> None:
    broker.deliver_frames(properties)
    assert (broker.taken, broker.acknowledged) == ([], [1])
    assert broker.dropped == [NoTicket.NOT_A_TICKET]


def test_headers_of_every_type_are_read(broker: Broker) -> None:
    odd = {"a": datetime.now(UTC), "b": [1, {"c": None}], "d": 2**40, "e": 0.5, "f": b"\xff"}
    broker.deliver(a_ticket(**odd))
    assert len(broker.taken) == 1
    broker.taken.clear()


def test_a_routing_key_that_is_no_text_is_left_behind(broker: Broker) -> None:
    broker.deliver(a_ticket(), routing_key=b"\xff\xfe")
    assert broker.taken.pop().delivery_info["routing_key"] == ""


@pytest.mark.parametrize("codec", ["punycode", "idna", "utf-7", "zlib"])
def test_a_body_is_not_decoded_by_the_codec_that_it_names(broker: Broker, codec: str) -> None:
    """Some of them take minutes for a megabyte, in py-amqp and before anybody sees the message."""
    form = a_ticket()
    named = form.properties | {"content_encoding": codec}
    broker.deliver(AmqpForm(form.headers, named, b"a" * 2**20 + b"-b"))
    assert broker.dropped == [NoTicket.CONTENT_TYPE]


def test_each_scheme_leads_to_our_transport(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kombu.transport, "TRANSPORT_ALIASES", dict(TRANSPORT_ALIASES))
    monkeypatch.setattr(kombu.transport, "_transport_cache", {})
    resolved = {scheme: transport_of(scheme) for scheme in OURS}
    use_our_transports()
    for scheme, before in resolved.items():
        ours = transport_of(scheme)
        assert ours.__module__.startswith("worker.celery_edge.")
        assert issubclass(ours, before)
    sentinel = SentinelTicketTransport
    assert issubclass(sentinel.Channel, SentinelChannel)
    assert sentinel.default_port == SentinelTransport.default_port


def transport_of(scheme: str) -> Any:
    """What kombu takes for a URL of that scheme."""
    connection: Any = Connection
    return connection(f"{scheme}://one//;{scheme}://two//").get_transport_cls()
