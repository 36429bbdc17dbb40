"""Celery's consumer, made to come back within seconds of the broker."""

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

    def ensure_connected(self, conn: Any) -> Any:
        conn.ensure_connection = partial(
            conn.ensure_connection,
            interval_start=1,
            interval_step=1,
            interval_max=RECONNECT_PAUSE_S,
        )
        return super().ensure_connected(conn)
