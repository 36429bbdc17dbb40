"""Counts messages that are no tickets, and says so without filling the log."""

import time
from collections import Counter
from collections.abc import Callable

import structlog

from inference.broker.ticket import NoTicket
from worker.metrics import DROPPED

log = structlog.get_logger()

QUIET_S = 1.0
"""The shortest time between two lines."""


class DroppedMessages:
    """The messages of one queue that were dropped, by reason."""

    def __init__(self, model: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._model = model
        self._clock = clock
        self._unsaid: Counter[str] = Counter()
        self._said_at = float("-inf")

    def count(self, reason: NoTicket) -> None:
        """Counts one, and logs how many there were since the last line."""
        DROPPED.labels(self._model, reason.value).inc()
        self._unsaid[reason.value] += 1
        now = self._clock()
        if now - self._said_at >= QUIET_S:
            log.warning("tickets.dropped", messages=dict(self._unsaid))
            self._unsaid.clear()
            self._said_at = now
