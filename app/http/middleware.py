"""Handles what is common to every answer.

That is X-Request-ID, the caller's place in a trace, paths with and without a trailing slash, the
duration, a line if they are wanted, and an error answer in place of a bare crash.

Pure ASGI: Starlette's `@app.middleware("http")` would cost two thirds of the throughput
(docs/facts/libraries.md).
"""

import random
import re
import time
from collections.abc import Iterable

import structlog
from prometheus_client import Histogram
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.http.problems import Kind, Problem
from app.metrics import Metrics
from inference.telemetry import current_trace_id, set_current
from inference.trace_context import TraceContext

log = structlog.get_logger()
_SANE_ID = re.compile(rb"[A-Za-z0-9._:-]{1,128}")


class GatewayMiddleware:
    """Wraps the application. `slashed` are the paths that are known with a trailing slash.

    With `access_log` each answer is a line.
    """

    def __init__(
        self, app: ASGIApp, slashed: Iterable[str], metrics: Metrics, *, access_log: bool = False
    ) -> None:
        self._access_log = access_log
        self._app = app
        self._slashed = frozenset(slashed)
        self._metrics = metrics
        self._durations: dict[tuple[str, str, str], Histogram] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        scope["path"] = self._canonical(scope["path"])
        request_id, trace = _named(scope)
        set_current(trace, request_id=request_id.decode())
        start, status = time.perf_counter(), 0

        async def send_named(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"].append((b"x-request-id", request_id))
            await send(message)

        try:
            await self._app(scope, receive, send_named)
        except Exception:
            log.exception("http.crashed", path=scope["path"])
            if status:
                raise
            problem = Problem(
                Kind.INTERNAL, "An unexpected error; the log has more under this X-Request-ID"
            )
            await problem.response(scope["path"])(scope, receive, send_named)
        finally:
            self._observe(scope, status, time.perf_counter() - start)

    def _observe(self, scope: Scope, status: int, seconds: float) -> None:
        labels = (_method(scope), getattr(scope.get("route"), "path", "none"), str(status))
        if labels not in self._durations:
            self._durations[labels] = self._metrics.http.labels(*labels)
        trace_id = current_trace_id()
        exemplar = {"trace_id": trace_id} if trace_id else None
        self._durations[labels].observe(seconds, exemplar)
        if self._access_log:
            log.info(
                "http.answered",
                method=scope["method"],
                path=scope["path"],
                status=status,
                ms=round(seconds * 1000, 1),
            )

    def _canonical(self, path: str) -> str:
        bare = path.rstrip("/")
        return f"{bare}/" if f"{bare}/" in self._slashed else bare or "/"


def _named(scope: Scope) -> tuple[bytes, TraceContext | None]:
    """Returns the request's id, the caller's if that is sane, and the caller's place in a trace.

    A `traceparent` that is there twice names none, as W3C Trace Context says.
    """
    request_id, parents, states = b"", [], []
    for name, value in scope["headers"]:
        if name == b"x-request-id" and _SANE_ID.fullmatch(value):
            request_id = request_id or bytes(value)
        elif name == b"traceparent":
            parents.append(value)
        elif name == b"tracestate":
            states.append(value)
    trace = None
    if len(parents) == 1:
        trace = TraceContext.of_headers(
            parents[0].decode("latin-1"), b",".join(states).decode("latin-1")
        )
    return request_id or b"%032x" % random.getrandbits(128), trace


def _method(scope: Scope) -> str:
    return (
        scope["method"]
        if scope["method"] in ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS")
        else "other"
    )
