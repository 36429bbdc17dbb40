"""The numbers of the queues, the live workers, and why a wanted worker is not there yet."""

import asyncio

from starlette.responses import Response

from app.background.worker_pods import PendingPod, WorkerPods
from app.http.responses import PAUSE_WORDS, json_response, rfc3339, worker_word
from app.http.schemas import Queue, QueueList, Starting, Worker, WorkerList
from inference.store.messages import QueueCounts, WorkerInfo
from inference.store.protocols import GatewayStore


class QueueAndWorkerCalls:
    """The handlers."""

    def __init__(self, store: GatewayStore, models: tuple[str, ...], pods: WorkerPods) -> None:
        self._store = store
        self._models = models
        self._pods = pods

    async def queues(self) -> Response:
        """Answers the numbers of every model's queue."""
        counts = await asyncio.gather(*map(self._store.counts, self._models))
        body: QueueList = {
            "queues": [_queue(model, c) for model, c in zip(self._models, counts, strict=True)]
        }
        return json_response(body)

    async def workers(self) -> Response:
        """Answers the live workers, and on Kubernetes why a wanted one is not there yet."""
        found = await asyncio.gather(*map(self._store.workers, self._models))
        coming = await self._pods.coming()
        rows = [
            _worker(model, w)
            for model, workers in zip(self._models, found, strict=True)
            for w in workers
        ]
        body: WorkerList = {
            "workers": rows,
            "starting": None if coming is None else [_starting(pod) for pod in coming],
        }
        return json_response(body)


def _queue(model: str, counts: QueueCounts) -> Queue:
    return {
        "model": model,
        "waiting": counts.waiting,
        "running": counts.running,
        "retry": counts.retry,
        "outstanding": counts.outstanding,
        "oldest_waiting_s": counts.oldest_waiting_ms / 1000,
        "dead_letters": counts.dead_letters,
        "paused": PAUSE_WORDS[counts.paused],
    }


def _worker(model: str, worker: WorkerInfo) -> Worker:
    return {
        "id": worker.worker_id,
        "model": model,
        "version": worker.version,
        "state": worker_word(worker),
        "since": rfc3339(worker.since_ms),
        "batch": worker.batch_rows,
        "problem": worker.problem or None,
    }


def _starting(pod: PendingPod) -> Starting:
    return {
        "pod": pod.pod,
        "model": pod.model,
        "reason": pod.reason,
        "message": pod.message,
        "since": pod.since,
    }
