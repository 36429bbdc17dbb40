"""Publishing tickets from a worker: after a move that left more waiting than tickets cover, and when a heartbeat asks for it."""

from typing import Any

import structlog

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
            except Exception as error:  # kombu passes on whatever the transport raised
                log.warning("tickets.not_published", missing=count - done, error=str(error))
                return done
        return count

    def broker_answers(self) -> bool:
        """Asks the broker over a connection of its own, so from any thread."""
        try:
            with self._app.connection_for_read() as connection:
                connection.ensure_connection(max_retries=0)
        except Exception:  # kombu passes on whatever the transport raised
            return False
        return True
