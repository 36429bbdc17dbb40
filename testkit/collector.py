"""A collector of traces: it takes OTLP over HTTP and keeps what it was sent.

With `answering` cleared it takes connections and says nothing, as one that hangs does.
"""

import threading
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.common.v1.common_pb2 import KeyValue

KINDS = ("unspecified", "internal", "server", "client", "producer", "consumer")


@dataclass(frozen=True)
class Received:
    """A span as it arrived; ids in hexadecimal, times in nanoseconds."""

    service: str
    name: str
    kind: str
    trace_id: str
    span_id: str
    parent_id: str
    start_ns: int
    end_ns: int
    attributes: dict[str, Any]
    links: tuple[tuple[str, str], ...]
    events: tuple[tuple[str, dict[str, Any]], ...]
    failed: bool

    @property
    def operation(self) -> str:
        return self.name.partition(" ")[0]


class Collector(ThreadingHTTPServer):
    """Serves while its block runs."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answering = threading.Event()
        self.answering.set()
        self.requests = 0
        self._spans: list[Received] = []
        self._lock = threading.Lock()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def __enter__(self) -> Self:
        threading.Thread(target=self.serve_forever, name="collector", daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.answering.set()
        self.shutdown()
        self.server_close()

    def take(self, body: bytes) -> None:
        """Reads an export request."""
        spans = []
        for about in ExportTraceServiceRequest.FromString(body).resource_spans:
            service = _values(about.resource.attributes)["service.name"]
            spans += [
                _received(service, span) for scope in about.scope_spans for span in scope.spans
            ]
        with self._lock:
            self.requests += 1
            self._spans += spans

    def spans(self, trace_id: str = "", operation: str = "") -> list[Received]:
        """Those of a trace, or of an operation, in the order of their starts."""
        with self._lock:
            found = [
                span
                for span in self._spans
                if trace_id in ("", span.trace_id) and operation in ("", span.operation)
            ]
        return sorted(found, key=lambda span: (span.start_ns, span.end_ns))


class _Handler(BaseHTTPRequestHandler):
    server: Collector
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.answering.wait()
        self.server.take(body)
        answer = ExportTraceServiceResponse().SerializeToString()
        self.send_response(200)
        self.send_header("Content-Type", "application/x-protobuf")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, format: str, *args: object) -> None:
        """Says nothing: what arrives is asked for."""


def _received(service: str, span: Any) -> Received:
    return Received(
        service=service,
        name=span.name,
        kind=KINDS[span.kind],
        trace_id=span.trace_id.hex(),
        span_id=span.span_id.hex(),
        parent_id=span.parent_span_id.hex(),
        start_ns=span.start_time_unix_nano,
        end_ns=span.end_time_unix_nano,
        attributes=_values(span.attributes),
        links=tuple((link.trace_id.hex(), link.span_id.hex()) for link in span.links),
        events=tuple((event.name, _values(event.attributes)) for event in span.events),
        failed=span.status.code == 2,
    )


def _values(attributes: list[KeyValue] | Any) -> dict[str, Any]:
    return {one.key: getattr(one.value, one.value.WhichOneof("value") or "") for one in attributes}
