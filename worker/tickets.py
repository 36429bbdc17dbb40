"""Publishing tickets from a worker: after a move that left more waiting than tickets cover, and when a heartbeat asks for it."""

from typing import Any

import structlog
from kombu.exceptions import OperationalError

from app.contract.gaps import Gap, reach
from app.contract.queue import TASK_NAME
from app.contract.store import WorkerStore

log = structlog.get_logger()


class Tickets:
    """Publishes through Celery's own producer, so that any broker of Celery's will do."""

    def __init__(self, app: Any, store: WorkerStore, model: str) -> None:
        self._app = app
        self._store = store
        self._model = model

    def cover(self, missing: int) -> None:
        """Publishes until nothing is missing. A broker that is down costs nothing now: heartbeats ask again."""
        while missing > 0:
            published = self.publish(missing)
            if published < missing:
                return
            reach(Gap.WORKER_TICKETS_PUBLISHED)
            missing = self._store.cover(self._model, published)

    def publish(self, count: int) -> int:
        """Publishes `count` tickets and answers how many the broker took."""
        for done in range(count):
            try:
                self._app.send_task(TASK_NAME, ignore_result=True, retry=False)
            except (OperationalError, OSError) as error:
                log.warning("tickets.not_published", missing=count - done, error=str(error))
                return done
        return count
