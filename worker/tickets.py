"""Publishes tickets from a worker.

It does so after a move that left more waiting than tickets cover, and when a heartbeat asks for it.
"""

from typing import Protocol

from inference.failpoints import Failpoint, failpoint
from inference.store.protocols import WorkerStore


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
        return self._publisher.publish(count)
