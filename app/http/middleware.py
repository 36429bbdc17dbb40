"""Handles what is common to every answer.

That is X-Request-ID, paths with and without a trailing slash, the duration, and an error answer in
place of a bare crash.

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

log = structlog.get_logger()
_SANE_ID = re.compile(rb"[A-Za-z0-9._:-]{1,128}")


class GatewayMiddleware:
    """Wraps the application. `slashed` are the paths that are known with a trailing slash."""

    def __init__(self, app: ASGIApp, slashed: Iterable[str], metrics: Metrics) -> None:
        self._app = app
        self._slashed = frozenset(slashed)
        self._metrics = metrics
        self._durations: dict[tuple[str, str, str], Histogram] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        scope["path"] = self._canonical(scope["path"])
        request_id = _request_id(scope)
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
            log.exception("http.crashed", path=scope["path"], request_id=request_id.decode())
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
        self._durations[labels].observe(seconds)

    def _canonical(self, path: str) -> str:
        bare = path.rstrip("/")
        return f"{bare}/" if f"{bare}/" in self._slashed else bare or "/"


def _request_id(scope: Scope) -> bytes:
    for name, value in scope["headers"]:
        if name == b"x-request-id" and _SANE_ID.fullmatch(value):
            return bytes(value)
    return b"%032x" % random.getrandbits(128)


def _method(scope: Scope) -> str:
    return (
        scope["method"]
        if scope["method"] in ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS")
        else "other"
    )
