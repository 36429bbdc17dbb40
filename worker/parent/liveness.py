"""Judges whether this worker's parent can go on, which is what /livez answers.

Only trouble that a restart would mend counts.

The parent's event loop turns every second. While the broker is away Celery connects to it again on
that same loop, which then stands still. It sleeps, or waits for a socket or for the answer about a
name. A restart would mend none of that, and would cost the model. So the broker is asked from a
thread of its own as long as the loop stands still. The parent counts as stuck only when the loop
stood still although the broker answered all the time.
"""

import threading
import time
from collections.abc import Callable

import structlog

log = structlog.get_logger()

STILL_S = 3.0
"""The loop stands still when it did not come round for this long."""

LOOK_S = 1.0


class Liveness:
    """`broker_answers` may take any time, and is called on this object's thread alone."""

    def __init__(
        self, broker_answers: Callable[[], bool], stuck_after_s: float, still_s: float = STILL_S
    ) -> None:
        self._broker_answers = broker_answers
        self._stuck_after_s = stuck_after_s
        self._still_s = still_s
        self._turned = time.monotonic()
        self._answers_since: float | None = None
        self._stuck = False

    def start(self) -> None:
        """Looks from now on."""
        threading.Thread(target=self._keep_looking, name="liveness", daemon=True).start()

    def turned(self) -> None:
        """The event loop came round."""
        self._turned = time.monotonic()

    @property
    def turning(self) -> bool:
        """Whether the event loop comes round."""
        return time.monotonic() - self._turned < self._still_s

    @property
    def alive(self) -> bool:
        """False for a parent that a restart would mend."""
        return self.turning or not self._stuck

    def look(self) -> None:
        """Judges the loop, and asks the broker if it stands still."""
        asked = time.monotonic()
        if self.turning or not self._broker_answers():
            self._answers_since = None
        elif self._answers_since is None:
            self._answers_since = asked
        stuck = (
            self._answers_since is not None and asked - self._answers_since > self._stuck_after_s
        )
        if stuck and not self._stuck:
            log.error(
                "worker.stuck",
                still_s=round(asked - self._turned),
                answers_s=round(self._stuck_after_s),
            )
        self._stuck = stuck

    def _keep_looking(self) -> None:
        while True:
            self.look()
            time.sleep(LOOK_S)
