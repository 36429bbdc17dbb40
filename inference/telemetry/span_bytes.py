"""Writes spans as OTLP's protobuf messages.

What each span has is written by hand, since the generated classes take four times as long for it.
What few have, links, events and errors, they write. In protobuf, the bytes of a message may follow
those of another of its kind: read as one, the second adds its fields to the first.

Source: https://github.com/open-telemetry/opentelemetry-proto/blob/v1.7.0/opentelemetry/proto/trace/v1/trace.proto
"""

import struct
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from opentelemetry.proto.common.v1.common_pb2 import AnyValue, InstrumentationScope, KeyValue
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1 import trace_pb2

from inference.telemetry.tracing import Span

EVER_NEW = frozenset({"messaging.message.id"})
"""Attributes of which no two spans have the same value."""
_TRACE_ID, _SPAN_ID, _STATE, _PARENT_ID = b"\x0a\x10", b"\x12\x08", b"\x1a", b"\x22\x08"
_START, _END, _ATTRIBUTE = 0x39, 0x41, b"\x4a"
_TIMES = struct.Struct("<BQBQ")
_KEY, _VALUE, _TEXT = b"\x0a", b"\x12", b"\x0a"
_RESOURCE_SPANS, _RESOURCE, _SCOPE_SPANS, _SCOPE, _SPAN = (
    b"\x0a",
    b"\x0a",
    b"\x12",
    b"\x0a",
    b"\x12",
)


def span_bytes(span: Span) -> bytes:
    """Returns a message `Span`."""
    context, parent = span.context, span.parent
    parts = [
        _TRACE_ID,
        bytes.fromhex(context.trace_id),
        _SPAN_ID,
        bytes.fromhex(context.span_id),
        _named(span.name, span.kind),
        _TIMES.pack(_START, span.start_ns, _END, max(span.start_ns, span.end_ns)),
    ]
    if parent is not None:
        parts += (_PARENT_ID, bytes.fromhex(parent.span_id))
    if context.state:
        parts.append(_field(_STATE, context.state.encode()))
    for name, value in span.attributes.items():
        if name in EVER_NEW:
            parts.append(_text_attribute(name, str(value)))
        else:
            parts.append(_attribute(name, value))
    if span.links or span.events or span.error:
        parts.append(_rest(span))
    return b"".join(parts)


def export_request(resource: Mapping[str, Any], spans: Sequence[bytes]) -> bytes:
    """Returns a message `ExportTraceServiceRequest` of one program's spans."""
    about = Resource(attributes=_key_values(resource)).SerializeToString()
    scope = InstrumentationScope(name="inference").SerializeToString()
    scoped = _field(_SCOPE, scope) + b"".join([_field(_SPAN, span) for span in spans])
    return _field(_RESOURCE_SPANS, _field(_RESOURCE, about) + _field(_SCOPE_SPANS, scoped))


def _rest(span: Span) -> bytes:
    message = trace_pb2.Span()
    if span.error:
        message.status.code = trace_pb2.Status.STATUS_CODE_ERROR
    for event in span.events:
        message.events.add(
            name=event.name,
            time_unix_nano=event.at_ns,
            attributes=_key_values(event.attributes),
        )
    for link in span.links:
        message.links.add(
            trace_id=bytes.fromhex(link.trace_id), span_id=bytes.fromhex(link.span_id)
        )
    written: bytes = message.SerializeToString()
    return written


@lru_cache(256)
def _named(name: str, kind: int) -> bytes:
    written: bytes = trace_pb2.Span(name=name, kind=kind + 1, flags=1).SerializeToString()  # type: ignore[arg-type]
    return written


@lru_cache(4096, typed=True)
def _attribute(name: str, value: Any) -> bytes:
    written: bytes = trace_pb2.Span(attributes=_key_values({name: value})).SerializeToString()
    return written


def _text_attribute(name: str, text: str) -> bytes:
    value = _field(_VALUE, _field(_TEXT, text.encode(errors="replace")))
    return _field(_ATTRIBUTE, _key(name) + value)


@lru_cache(256)
def _key(name: str) -> bytes:
    return _field(_KEY, name.encode())


def _field(tag: bytes, content: bytes) -> bytes:
    """Returns a field with its length."""
    length = len(content)
    if length < 0x80:
        return b"%b%c%b" % (tag, length, content)
    size = bytearray()
    while length > 0x7F:
        size.append(length & 0x7F | 0x80)
        length >>= 7
    size.append(length)
    return b"%b%b%b" % (tag, bytes(size), content)


def _key_values(attributes: Mapping[str, Any]) -> list[KeyValue]:
    return [KeyValue(key=name, value=_any_value(value)) for name, value in attributes.items()]


def _any_value(value: Any) -> AnyValue:
    match value:
        case bool():
            return AnyValue(bool_value=value)
        case int():
            return AnyValue(int_value=value)
        case float():
            return AnyValue(double_value=value)
    return AnyValue(string_value=str(value).encode(errors="replace").decode())
