"""/livez, /readyz and /metrics.

Ready means that the store answers, so that predictions are taken and results are told. Models that
can't be served are named with the reason and hold nothing up: a gateway that can serve none at all
is not ready only for `WAIT_FOR_MODEL_S` after its start. It does not ask for a worker, for with
none there is nothing to scale up from. It tells how many have the model loaded, for those who start
both and wait.
"""

import asyncio
import time

from starlette.requests import Request
from starlette.responses import Response

from app.background.readiness import Readiness
from app.http.problems import Kind, Problem
from app.http.responses import json_response
from app.http.schemas import Alive, Ready, ReadyModel
from app.metrics import Metrics
from app.served_models import Registry
from inference.errors import StoreUnavailable
from inference.store.messages import WorkerInfo, WorkerState
from inference.store.protocols import GatewayStore

_LOADED = (WorkerState.IDLE, WorkerState.BUSY)


class HealthCalls:
    """The handlers."""

    def __init__(
        self,
        store: GatewayStore,
        registry: Registry,
        readiness: Readiness,
        metrics: Metrics,
        *,
        wait_for_model_s: float = 0.0,
    ) -> None:
        self._waits_until = time.monotonic() + wait_for_model_s
        self._store = store
        self._registry = registry
        self._readiness = readiness
        self._metrics = metrics

    async def live(self) -> Response:
        """Answers 200 as long as the process answers."""
        body: Alive = {"status": "alive"}
        return json_response(body)

    async def ready(self) -> Response:
        """Answers 200 when the store answers, else 503 and why not."""
        if self._readiness.refusal:
            raise Problem(Kind.UNAVAILABLE, self._readiness.refusal)
        names = tuple(self._registry.uris)
        try:
            found = await asyncio.gather(*map(self._store.workers, names))
        except StoreUnavailable as error:
            raise Problem(Kind.UNAVAILABLE, f"The store does not answer: {error}") from error
        models = {
            name: self._model(name, workers) for name, workers in zip(names, found, strict=True)
        }
        warnings = list(self._readiness.warnings)
        if not self._registry.models:
            reasons = "; ".join(f"{name}: {self._registry.problems[name]}" for name in names)
            warnings.append(f"No model can be served: {reasons}")
            if (left_s := self._waits_until - time.monotonic()) > 0:
                waits = f"{warnings[-1]}. This gateway waits for one, for {left_s:.0f} s more."
                raise Problem(Kind.UNAVAILABLE, waits, models=models)
        body: Ready = {"status": "ready", "store": "ok", "warnings": warnings, "models": models}
        return json_response(body)

    def _model(self, name: str, workers: tuple[WorkerInfo, ...]) -> ReadyModel:
        served, problem = self._registry.models.get(name), self._registry.problems[name]
        loaded = sum(worker.state in _LOADED for worker in workers)
        body: ReadyModel = {"version": served.version if served else None, "workers": loaded}
        if problem:
            body["problem"] = problem
        return body

    async def metrics(self, request: Request) -> Response:
        """Answers the metrics in Prometheus' text format; the queues' numbers are read now."""
        for name in self._registry.uris:
            served = self._registry.models.get(name)
            self._metrics.serve(name, served.version if served else "")
            self._metrics.registry_up.labels(name).set(name not in self._registry.away)
        try:
            await asyncio.gather(*map(self._sample, self._registry.uris))
            self._metrics.store_up.set(1)
        except StoreUnavailable:
            self._metrics.forget_samples()
            self._metrics.store_up.set(0)
        text, content_type = self._metrics.text(request.headers.get("accept", ""))
        return Response(text, 200, {"Content-Type": content_type})

    async def _sample(self, model: str) -> None:
        counts, workers = await asyncio.gather(
            self._store.counts(model), self._store.workers(model)
        )
        self._metrics.sample(model, counts, workers)
