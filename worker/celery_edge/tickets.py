"""Tickets through Celery's own producer, so that any broker of Celery's will do."""

from typing import Any

import structlog

from inference.broker.ticket import TASK_NAME
from inference.errors import first_line

log = structlog.get_logger()
PUBLISH_S = 2.0
"""How long a broker may take to have a ticket; the thread that renews the leases waits for it."""


class CeleryPublisher:
    """Publishes on the thread that calls it."""

    def __init__(self, app: Any) -> None:
        self._app = app

    def publish(self, count: int) -> int:
        """Publishes `count` tickets and answers how many the broker took."""
        for done in range(count):
            try:
                self._send()
            except Exception as error:  # kombu passes on whatever the transport raised
                log.warning("tickets.not_published", missing=count - done, error=first_line(error))
                return done
        return count

    def _send(self) -> None:
        """Publishes one; RabbitMQ confirms it, and says where there is no queue to take it."""
        self._app.send_task(
            TASK_NAME,
            ignore_result=True,
            retry=False,
            mandatory=True,
            timeout=PUBLISH_S,
            confirm_timeout=PUBLISH_S,
        )

    def broker_answers(self) -> bool:
        """Asks the broker over a connection of its own, so from any thread."""
        try:
            with self._app.connection_for_read() as connection:
                connection.ensure_connection(max_retries=0)
        except Exception:  # kombu passes on whatever the transport raised
            return False
        return True
