"""Looking at tasks, queues and workers."""

import asyncio
from dataclasses import asdict
from typing import Annotated

import orjson
from fastapi import Query
from starlette.responses import Response

from app.api import views
from app.api.predict import JSON
from app.contract.moves import QueueCounts, WorkerInfo
from app.contract.store import GatewayStore
from app.pods import Pods
from app.predictions import Predictions

LONGEST_POLL_S = 60
Wait = Annotated[
    float, Query(ge=0, le=LONGEST_POLL_S, allow_inf_nan=False, description="Wait for the end so many seconds before answering.")
]


class MonitoringCalls:
    """The handlers."""

    def __init__(self, predictions: Predictions, store: GatewayStore, models: tuple[str, ...], pods: Pods) -> None:
        self._predictions = predictions
        self._store = store
        self._models = models
        self._pods = pods

    async def task_status(self, task_id: str, wait: Wait = 0) -> Response:
        """Answers how a task stands; with `wait` once it has ended, or when the time is over."""
        record = views.known(await self._predictions.wait(task_id, wait), task_id)
        return Response(orjson.dumps(views.status(record)), 200, None, JSON)

    async def result(self, task_id: str) -> Response:
        """Answers the same record in Celery's words; an id that was never issued is a 404, not PENDING."""
        record = views.known(await self._predictions.read(task_id), task_id)
        return Response(orjson.dumps(views.celery_result(record)), 200, None, JSON)

    async def queues(self) -> Response:
        """Answers the numbers of every model's queue."""
        counts = await asyncio.gather(*map(self._store.counts, self._models))
        rows = [_queue(model, c) for model, c in zip(self._models, counts, strict=True)]
        return Response(orjson.dumps({"queues": rows}), 200, None, JSON)

    async def workers(self) -> Response:
        """Answers the live workers, and on Kubernetes why a wanted one is not there yet."""
        found = await asyncio.gather(*map(self._store.workers, self._models))
        coming = await self._pods.coming()
        rows = [_worker(model, w) for model, workers in zip(self._models, found, strict=True) for w in workers]
        starting = None if coming is None else [asdict(pod) for pod in coming]
        return Response(orjson.dumps({"workers": rows, "starting": starting}), 200, None, JSON)


def _queue(model: str, counts: QueueCounts) -> dict[str, object]:
    return {
        "model": model,
        "waiting": counts.waiting,
        "running": counts.running,
        "retry": counts.retry,
        "outstanding": counts.outstanding,
        "oldest_waiting_s": counts.oldest_waiting_ms / 1000,
        "dead_letters": counts.dead_letters,
    }


def _worker(model: str, worker: WorkerInfo) -> dict[str, object]:
    return {
        "id": worker.worker_id,
        "model": model,
        "version": worker.version,
        "state": worker.state.value,
        "since": views.rfc3339(worker.since_ms),
        "batch": worker.batch_rows,
        "problem": worker.problem or None,
    }
