"""Publishes tickets from a worker.

It does so after a move that left more waiting than tickets cover, and when a heartbeat asks for it.
"""

import time
from typing import Protocol

from inference.failpoints import Failpoint, failpoint
from inference.store.protocols import WorkerStore
from worker.metrics import BROKER_CALLS, TICKETS


class Publisher(Protocol):
    """Puts tickets into this worker's queue."""

    def publish(self, count: int) -> int:
        """Publishes `count` tickets and answers how many the broker took; raises nothing."""


class Tickets:
    """The tickets of one model."""

    def __init__(self, publisher: Publisher, store: WorkerStore, model: str) -> None:
        self._publisher = publisher
        self._store = store
        self._model = model

    def publish_missing(self, missing: int) -> None:
        """Publishes until nothing is missing.

        A broker that is down costs nothing now: heartbeats ask again.
        """
        while missing > 0:
            published = self.publish(missing)
            if published < missing:
                return
            failpoint(Failpoint.WORKER_TICKETS_PUBLISHED)
            missing = self._store.tickets_published(self._model, published)

    def publish(self, count: int) -> int:
        """Publishes `count` tickets and answers how many the broker took."""
        if count <= 0:
            return 0
        started = time.perf_counter()
        published = self._publisher.publish(count)
        took_all, seconds = published == count, time.perf_counter() - started
        BROKER_CALLS("publish", seconds, answered=took_all)
        TICKETS.labels(self._model, "published").inc(published)
        if not took_all:
            TICKETS.labels(self._model, "failed").inc()
        return published
