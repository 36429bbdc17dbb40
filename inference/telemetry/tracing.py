"""Makes spans, each written down when it ends, and has them exported behind the program's back.

It is off without OTEL_EXPORTER_OTLP_ENDPOINT. Then no exporter is imported, no span is made, and a
caller's context is passed on as it came.

OpenTelemetry's own variables configure it: the sampler, the resource, the exporter, the queue.
"""

import os
import random
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Protocol

from inference.errors import Misconfigured
from inference.trace_context import TraceContext

CLOSE_S = 2.0
"""How long the end of a program may wait for its last spans to be exported, in seconds."""
Value = str | int | float | bool
Attributes = Mapping[str, Value]


class Kind(IntEnum):
    """OpenTelemetry's kinds of span."""

    INTERNAL = 0
    CLIENT = 2
    PRODUCER = 3
    CONSUMER = 4


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened within a span."""

    name: str
    at_ns: int
    attributes: Attributes = field(default_factory=dict)


@dataclass(slots=True)  # frozen, it would take 2 µs more to make
class Span:
    """A span that has ended; times are nanoseconds since the epoch.

    `error` is the type of what went wrong, '' for nothing.
    """

    name: str
    context: TraceContext
    parent: TraceContext | None
    start_ns: int
    end_ns: int
    attributes: Attributes
    kind: Kind = Kind.INTERNAL
    links: Sequence[TraceContext] = ()
    events: Sequence[Event] = ()
    error: str = ""


class SpanSink(Protocol):
    """Decides which traces are kept, and exports spans."""

    def sampled(self, name: str, trace_id: str, parent: TraceContext | None) -> tuple[int, str]:
        """Returns the flags and the `tracestate` of a span."""

    def put(self, span: Span) -> None:
        """Takes a span of a trace that is kept. It never waits; what is too much is dropped."""

    def close(self) -> None:
        """Exports what is left. It may hang."""


class Tracing:
    """Makes the spans of a program. Without a sink it is off."""

    def __init__(self, sink: SpanSink | None = None) -> None:
        self._sink = sink

    @property
    def on(self) -> bool:
        """Whether spans are made at all."""
        return self._sink is not None

    def enter(self, name: str, parent: TraceContext | None) -> TraceContext | None:
        """Returns the context of a new span, the first of this program in its trace.

        The sampler decides whether the trace is kept. Off, it returns `parent`.
        """
        if self._sink is None:
            return parent
        trace_id = parent.trace_id if parent else _new_trace_id()
        flags, state = self._sink.sampled(name, trace_id, parent)
        return TraceContext(trace_id, _new_span_id(), flags, state)

    def write(self, span: Span) -> None:
        """Writes a span down that has ended, if its trace is kept. It never waits or raises."""
        if self._sink is not None and span.context.sampled:
            self._sink.put(span)

    def close(self) -> None:
        """Ends the export, within CLOSE_S."""
        if self._sink is None:
            return
        closing = threading.Thread(target=self._sink.close, name="last spans", daemon=True)
        closing.start()
        closing.join(CLOSE_S)


def child_of(parent: TraceContext) -> TraceContext:
    """Returns the context of a new span within one of this program's."""
    return TraceContext(parent.trace_id, _new_span_id(), parent.flags, parent.state)


def alone(kept: bool) -> TraceContext:
    """Returns the context of a new span in a trace of its own, for which no sampler is asked."""
    return TraceContext(_new_trace_id(), _new_span_id(), int(kept))


def now_ns() -> int:
    """Returns the time as spans have it."""
    return time.time_ns()


def _new_trace_id() -> str:
    return f"{random.getrandbits(128) or 1:032x}"


def _new_span_id() -> str:
    return f"{random.getrandbits(64) or 1:016x}"


def wanted(environment: Mapping[str, str] = os.environ) -> bool:
    """Says whether the environment names a place for traces."""
    named = any(
        environment.get(f"OTEL_EXPORTER_OTLP_{name}ENDPOINT", "").strip()
        for name in ("", "TRACES_")
    )
    return (
        named
        and environment.get("OTEL_TRACES_EXPORTER", "otlp").strip() != "none"
        and environment.get("OTEL_SDK_DISABLED", "").strip().lower() != "true"
    )


def tracing(service: str, instance: str, namespace: str) -> Tracing:
    """Builds what the environment asks for. Raises `Misconfigured` for what it can't mean."""
    if not wanted():
        return Tracing()
    from inference.telemetry.otlp import OtlpSink

    try:
        return Tracing(OtlpSink(service, instance, namespace))
    except ValueError as error:
        raise Misconfigured(f"OpenTelemetry's variables (OTEL_…): {error}") from error
