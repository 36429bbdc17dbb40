"""Exports spans by OpenTelemetry's SDK: its sampler, its queue and thread, its OTLP/HTTP client.

The SDK's own span object and encoding are left out. They take 90 µs for a span, half of what a
submission takes in all; here it is 16 µs. `python -m bench.tracing` measures the whole. A span is
encoded when it is written down, and waits in the SDK's queue as bytes
(`inference.telemetry.span_bytes`).

The import takes tens of megabytes, so a program imports this only where traces are wanted.
"""

import logging
import os
from collections.abc import Sequence
from typing import Any, cast

import structlog
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExportResult
from opentelemetry.sdk.trace.sampling import Decision

from inference.telemetry.span_bytes import export_request, span_bytes
from inference.telemetry.tracing import Span
from inference.trace_context import SAMPLED, TraceContext

log = structlog.get_logger()

EXPORT_EVERY_MS = 1_000
"""A child that dies takes that much along."""
MOST_IN_QUEUE, MOST_AT_ONCE = 8_192, 2_048
"""Spans, of 300 bytes each. A request takes milliseconds, however many are in it."""


class OtlpSink:
    """See `SpanSink`. Raises ValueError for variables that can't be meant."""

    def __init__(self, service: str, instance: str, namespace: str) -> None:
        # What it says of a collector that is away is one line a try; `_Exporter` says it once.
        logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)
        resource = _resource(service, instance, namespace)
        # Not for its spans: it reads the sampler that the environment names.
        provider = TracerProvider(resource=resource, shutdown_on_exit=False)
        self._sampler = provider.sampler
        self._queue = BatchSpanProcessor(
            _Exporter(provider.resource.attributes),
            max_queue_size=_unless_said("OTEL_BSP_MAX_QUEUE_SIZE", MOST_IN_QUEUE),
            max_export_batch_size=_unless_said("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", MOST_AT_ONCE),
            schedule_delay_millis=_unless_said("OTEL_BSP_SCHEDULE_DELAY", EXPORT_EVERY_MS),
        )

    def sampled(self, name: str, trace_id: str, parent: TraceContext | None) -> tuple[int, str]:
        above = None
        if parent is not None:
            above = trace.set_span_in_context(trace.NonRecordingSpan(_sdk_context(parent)))
        decision = self._sampler.should_sample(above, int(trace_id, 16), name)
        state = decision.trace_state.to_header() if decision.trace_state else ""
        return int(decision.decision is Decision.RECORD_AND_SAMPLE), state

    def put(self, span: Span) -> None:
        self._queue.on_end(cast(Any, _Written(span_bytes(span))))

    def close(self) -> None:
        self._queue.shutdown()  # type: ignore[no-untyped-call]


class _Written(bytes):
    """A span in the queue, which looks at no more of it than whether it is sampled."""

    __slots__ = ()
    context = trace.SpanContext(1, 1, is_remote=False, trace_flags=trace.TraceFlags(SAMPLED))


class _Exporter(OTLPSpanExporter):
    """Logs when the collector is lost and found, and not each try."""

    def __init__(self, resource: Any) -> None:
        super().__init__()
        self._resource = dict(resource)
        self._lost = False

    def export(self, spans: Sequence[Any]) -> SpanExportResult:
        """Sends spans of this process."""
        written: Sequence[_Written] = spans
        request = export_request(self._resource, written)
        taken = self._client.export(request).success
        if taken is self._lost:
            self._lost = not taken
            if taken:
                log.info("traces.collector_found")
            else:
                log.warning("traces.collector_lost", consequence="spans are dropped")
        return SpanExportResult.SUCCESS if taken else SpanExportResult.FAILURE


def _unless_said(variable: str, ours: int) -> int | None:
    """Returns our default, or None where the SDK reads the variable."""
    return None if os.environ.get(variable) else ours


def _sdk_context(context: TraceContext) -> trace.SpanContext:
    return trace.SpanContext(
        int(context.trace_id, 16),
        int(context.span_id, 16),
        True,
        trace.TraceFlags(context.flags),
        trace.TraceState.from_header([context.state]) if context.state else None,
    )


def _resource(service: str, instance: str, namespace: str) -> Resource:
    """Returns what all spans of the program have. What the environment says comes first."""
    said = {
        part.partition("=")[0].strip()
        for part in os.environ.get("OTEL_RESOURCE_ATTRIBUTES", "").split(",")
    }
    if os.environ.get("OTEL_SERVICE_NAME"):
        said.add("service.name")
    ours = {
        "service.name": service,
        "service.instance.id": instance,
        "service.namespace": namespace,
    }
    return Resource.create({name: value for name, value in ours.items() if name not in said})
