"""The models of a gateway: a list of all, and the card of each.

What the registry said of them, and what the workers have loaded.
"""

import asyncio
from collections import Counter
from collections.abc import Sequence
from typing import Annotated

from fastapi import Query
from starlette.responses import Response

from app.background.canary_watch import CanaryWatch
from app.http.model_schemas import CanaryItem, ModelItem, ModelList, ModelWorkers, ServingState
from app.http.problems import unknown_model, unserved_model
from app.http.responses import json_response, worker_word
from app.http.schemas import ModelCard
from app.model_version import plain
from app.served_models import Registry
from inference.models.model_address import ModelAddress
from inference.store.messages import WorkerInfo, WorkerState
from inference.store.protocols import GatewayStore


class ModelCalls:
    """Answers which models are served, by the registry and by the workers."""

    def __init__(self, registry: Registry, store: GatewayStore, canaries: CanaryWatch) -> None:
        self._canaries = canaries
        self._registry = registry
        self._store = store

    async def listed(self) -> Response:
        """Answers all models, served or not, with their workers; the registry is not asked."""
        pools = tuple(self._registry.uris)
        found = await asyncio.gather(*map(self._store.workers, pools))
        items = [self._item(pool, workers) for pool, workers in zip(pools, found, strict=True)]
        body: ModelList = {"models": items}
        return json_response(body)

    def _item(self, pool: str, workers: Sequence[WorkerInfo]) -> ModelItem:
        served, uri = self._registry.models.get(pool), self._registry.uris[pool]
        problems = [self._registry.problems.get(pool, ""), *(each.problem for each in workers)]
        return {
            "name": pool,
            "registered_name": ModelAddress.read(uri).name,
            "address": uri,
            "default": pool == self._registry.default,
            "state": _state(workers) if served else "unserved",
            "version": served.version if served else None,
            "aliases": list(served.card.aliases) if served else [],
            "workers": _counted(workers),
            "canary": self._share(pool),
            "problem": "; ".join(dict.fromkeys(text for text in problems if text)),
        }

    def _share(self, pool: str) -> CanaryItem | None:
        canary = self._canaries.share_of(pool)
        if canary is None:
            return None
        problem = self._canaries.problem(pool) if canary.percent else ""
        return {"of": canary.of, "percent": canary.percent, "problem": problem}

    async def info(
        self,
        model: Annotated[
            str | None, Query(description="Which model; the first served if left out.")
        ] = None,
    ) -> Response:
        """Answers the registry's word on a model, and what each live worker has loaded of it."""
        pool = self._registry.pool_of(model or self._registry.default)
        if not pool:
            raise unknown_model(self._registry.names)
        found = self._registry.models.get(pool)
        if found is None:
            raise unserved_model(pool, self._registry.problems[pool])
        workers = await self._store.workers(found.name)
        body: ModelCard = {
            "name": found.name,
            "registered_name": found.registered_name,
            "version": found.version,
            "uri": found.card.uri,
            "aliases": list(found.card.aliases),
            "run_id": found.card.run_id,
            "metrics": found.card.metrics,
            "signature": {
                "inputs": found.card.inputs,
                "outputs": found.card.outputs,
                "params": found.card.params,
            },
            "metadata": found.card.metadata,
            "workers": [
                {"id": w.worker_id, "version": w.version, "state": worker_word(w)} for w in workers
            ],
        }
        return json_response(plain(body))


def _state(workers: Sequence[WorkerInfo]) -> ServingState:
    """Returns the state of a model that has a version."""
    states = {each.state for each in workers}
    if states & {WorkerState.IDLE, WorkerState.BUSY}:
        return "served"
    return "loading" if WorkerState.LOADING in states else "no_worker"


def _counted(workers: Sequence[WorkerInfo]) -> ModelWorkers:
    states = Counter(worker_word(each) for each in workers)
    return {
        "loading": states["loading"],
        "idle": states["idle"],
        "busy": states["busy"],
        "draining": states["draining"],
        "versions": Counter(each.version for each in workers if each.version),
    }
