"""Spans as bytes: what OpenTelemetry's own classes read in them."""

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1 import trace_pb2

from inference.telemetry.span_bytes import export_request, span_bytes
from inference.telemetry.tracing import Event, Kind, Span
from inference.trace_context import TraceContext

HERE = TraceContext("ab" * 16, "01" * 8, 1, "vendor=1")
ABOVE = TraceContext("ab" * 16, "02" * 8, 1)
LONG = "x" * 70_000
FULL = Span(
    "run fault",
    HERE,
    ABOVE,
    1_700_000_000_000_000_001,
    1_700_000_000_000_000_009,
    {"messaging.message.id": "t-1", "a": 1, "b": True, "c": 1.5, "d": LONG, "e": "\ud800", "f": ""},
    kind=Kind.CONSUMER,
    links=(TraceContext("cd" * 16, "03" * 8),),
    events=(Event("retry", 5, {"n": 2}),),
    error="worker_lost",
)
PLAIN = Span("wait m", TraceContext("ab" * 16, "04" * 8, 1), None, 9, 3, {})


def read(span: Span) -> trace_pb2.Span:
    message: trace_pb2.Span = trace_pb2.Span.FromString(span_bytes(span))
    return message


def test_all_of_a_span_is_read_back() -> None:
    span = read(FULL)
    assert (span.trace_id.hex(), span.span_id.hex()) == (HERE.trace_id, HERE.span_id)
    assert (span.parent_span_id.hex(), span.trace_state) == (ABOVE.span_id, "vendor=1")
    assert (span.name, span.kind) == ("run fault", trace_pb2.Span.SPAN_KIND_CONSUMER)
    assert span.flags == 1
    assert (span.start_time_unix_nano, span.end_time_unix_nano) == (FULL.start_ns, FULL.end_ns)
    told = {one.key: getattr(one.value, one.value.WhichOneof("value")) for one in span.attributes}
    assert told == {**FULL.attributes, "e": "?"}
    assert [type(told[name]) for name in "abc"] == [int, bool, float]
    assert [(link.trace_id.hex(), link.span_id.hex()) for link in span.links] == [
        ("cd" * 16, "03" * 8)
    ]
    (event,) = span.events
    assert (event.name, event.time_unix_nano, event.attributes[0].value.int_value) == (
        "retry",
        5,
        2,
    )
    assert span.status.code == trace_pb2.Status.STATUS_CODE_ERROR


def test_a_plain_span_has_nothing_else_and_does_not_end_before_it_began() -> None:
    span = read(PLAIN)
    assert (span.start_time_unix_nano, span.end_time_unix_nano) == (9, 9)
    assert [field.name for field, _ in span.ListFields()] == [
        *("trace_id", "span_id", "name", "kind", "start_time_unix_nano"),
        *("end_time_unix_nano", "flags"),
    ]


def test_one_attribute_is_not_taken_for_another_that_equals_it() -> None:
    for value in (1, True, 1.0):
        (one,) = read(Span("a", HERE, None, 1, 2, {"same": value})).attributes
        assert type(getattr(one.value, one.value.WhichOneof("value") or "")) is type(value)


def test_a_request_has_the_program_once_and_all_its_spans() -> None:
    data = export_request({"service.name": "s"}, [span_bytes(FULL), span_bytes(PLAIN)])
    (about,) = ExportTraceServiceRequest.FromString(data).resource_spans
    assert about.resource.attributes[0].value.string_value == "s"
    (scope,) = about.scope_spans
    assert scope.scope.name == "inference"
    assert list(scope.spans) == [read(FULL), read(PLAIN)]
