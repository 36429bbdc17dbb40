"""Celery's consumer, made to come back within seconds of the broker and to count what it drops."""

from functools import partial
from typing import Any

from celery.worker.consumer import Consumer

RECONNECT_PAUSE_S = 5.0
"""The longest pause between two tries to connect.

Celery's is 30 s, for which an idle worker would keep records waiting.
"""


class SteadyConsumer(Consumer):  # type: ignore[misc]
    """Connects again for as long as an outage lasts.

    It tries after 1 s, then 2, up to `RECONNECT_PAUSE_S`.
    """

    class Blueprint(Consumer.Blueprint):  # type: ignore[misc]
        """Celery's, without what it keeps on RabbitMQ for delayed tasks: 28 queues and exchanges.

        A ticket is never delayed.
        """

        default_steps = tuple(
            step for step in Consumer.Blueprint.default_steps if "DelayedDelivery" not in step
        )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.app.consumer = self

    def on_close(self) -> None:
        super().on_close()
        parent = self.app.parent_thread
        parent.claims.forget_unaccepted(parent.child_status.pid())

    def ensure_connected(self, conn: Any) -> Any:
        conn.ensure_connection = partial(
            conn.ensure_connection,
            interval_start=1,
            interval_step=1,
            interval_max=RECONNECT_PAUSE_S,
        )
        connected = super().ensure_connected(conn)
        connected.connection.on_dropped = self.app.dropped_messages.count
        return connected
