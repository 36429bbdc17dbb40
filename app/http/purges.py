"""Purging a model's queue: all that waits ends as cancelled (protocol rule 16)."""

import asyncio
from typing import Annotated

import structlog
from fastapi import Path
from starlette.responses import Response

from app.background.readiness import Readiness
from app.http.problems import Kind, Problem
from app.http.responses import json_response
from app.http.schemas import PurgedQueue
from app.metrics import Metrics
from app.served_models import Registry
from inference.store.protocols import GatewayStore

log = structlog.get_logger()

LONGEST_S = 10.0
"""How long a call goes on; a million records take several calls."""


class PurgeCalls:
    """The handler."""

    def __init__(
        self, registry: Registry, store: GatewayStore, readiness: Readiness, metrics: Metrics
    ) -> None:
        self._registry = registry
        self._store = store
        self._readiness = readiness
        self._metrics = metrics

    async def purge(
        self, model: Annotated[str, Path(description="The pool's name, as in `GET /models`.")]
    ) -> Response:
        """Ends all that waits, or as much of it as `LONGEST_S` allows."""
        if model not in self._registry.uris:
            names = ", ".join(self._registry.uris)
            raise Problem(Kind.NOT_FOUND, f"No model has that name here; there are: {names}")
        if self._readiness.refusal:
            raise Problem(Kind.UNAVAILABLE, self._readiness.refusal)
        purged, more = 0, True
        try:
            told = await self._store.purge(model, 0)  # the store's time: what comes later stays
            async with asyncio.timeout(LONGEST_S):
                while more := told.more:
                    told = await self._store.purge(model, told.before_ms)
                    purged += told.purged
        except TimeoutError:
            pass
        finally:
            self._metrics.purged.labels(model).inc(purged)
            log.warning("queue.purged", model=model, purged=purged, more=more)
        body: PurgedQueue = {"model": model, "purged": purged, "more": more}
        return json_response(body)
