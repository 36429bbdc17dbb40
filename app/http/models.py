"""The model that a gateway serves.

What the registry says of it, and what the workers have loaded.
"""

from typing import Annotated

from fastapi import Query
from starlette.responses import Response

from app.http.problems import unknown_model, unserved_model
from app.http.responses import json_response, worker_word
from app.http.schemas import ModelCard
from app.served_models import Registry
from inference.store.protocols import GatewayStore


class ModelCalls:
    """Answers which models are served, by the registry and by the workers."""

    def __init__(self, registry: Registry, store: GatewayStore) -> None:
        self._registry = registry
        self._store = store

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
        return json_response(body, default=str)
