"""Pausing a model, and letting it go on (protocol rule 15)."""

from collections.abc import Callable
from typing import Annotated, Literal

import structlog
from fastapi import Path, Query
from starlette.responses import Response

from app.background.readiness import Readiness
from app.http.problems import Kind, Problem
from app.http.responses import PAUSE_WORDS, json_response
from app.http.schemas import PausedModel
from app.served_models import Registry
from inference.states import Pause
from inference.store.protocols import GatewayStore

log = structlog.get_logger()

_Model = Annotated[str, Path(description="The pool's name, as in `GET /models`.")]


class PauseCalls:
    """The handlers. `need` hears of the tickets for what waited."""

    def __init__(
        self,
        registry: Registry,
        store: GatewayStore,
        readiness: Readiness,
        need: Callable[[str, int], None],
    ) -> None:
        self._registry = registry
        self._store = store
        self._readiness = readiness
        self._need = need

    async def pause(
        self,
        model: _Model,
        submissions: Annotated[
            Literal["keep", "refuse"],
            Query(description="Whether predictions are taken and wait, or are answered 503."),
        ] = "keep",
    ) -> Response:
        """Starts nothing new of a model; what runs goes on."""
        return await self._say(model, Pause[submissions.upper()])

    async def resume(self, model: _Model) -> Response:
        """Starts what waits, as before."""
        return await self._say(model, Pause.OFF)

    async def _say(self, model: str, pause: Pause) -> Response:
        if model not in self._registry.uris:
            names = ", ".join(self._registry.uris)
            raise Problem(Kind.NOT_FOUND, f"No model has that name here; there are: {names}")
        if self._readiness.refusal:
            raise Problem(Kind.UNAVAILABLE, self._readiness.refusal)
        answer = await self._store.pause(model, pause)
        self._need(model, answer.tickets)
        log.warning("model.paused" if pause else "model.resumed", model=model, how=pause.name)
        body: PausedModel = {"model": model, "paused": PAUSE_WORDS[pause]}
        return json_response(body)
