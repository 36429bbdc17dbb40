"""The claim that the child has now, as the parent knows it.

The parent speaks for the child, and the two are never in step: an answer about one claim may arrive
when the next is already running. So whatever is done to the child is done for a claim id, and only
while that claim is the one in it (protocol rule 5).
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ActiveClaim:
    """A ticket that Celery handed to this worker. `pid` is 0 until the child has it.

    `forgotten_at` is when Celery forgot it, by `time.monotonic`; 0 while it will tell of its end.
    """

    claim_id: str
    pid: int = 0
    forgotten_at: float = 0.0


class CurrentClaims:
    """The claim in the child, one at most, and what waits behind it.

    The event loop opens and closes them; the parent's thread reads the first and stops it. One more
    ticket comes while the child is busy when a RabbitMQ was lost meanwhile: it delivers again what
    it has no acknowledgement of.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._current: ActiveClaim | None = None
        self._waiting: list[ActiveClaim] = []
        self.opened = 0
        """How many there were until now."""
        self.stopped = 0
        """The child that was killed last because of its claim."""

    @property
    def current(self) -> ActiveClaim | None:
        """The claim in the child, or on its way there."""
        return self._current

    def open(self, claim_id: str) -> None:
        """A ticket arrived."""
        with self._lock:
            self.opened += 1
            if self._current is None:
                self._current = ActiveClaim(claim_id)
            else:
                self._waiting.append(ActiveClaim(claim_id))

    def accept(self, claim_id: str, pid: int) -> None:
        """The child took it, so whatever was before it has ended."""
        with self._lock:
            opened = [claim for claim in (self._current, *self._waiting) if claim is not None]
            if any(claim.claim_id == claim_id for claim in opened):
                self._current = ActiveClaim(claim_id, pid)
                self._waiting = [claim for claim in self._waiting if claim.claim_id != claim_id]

    def forget_unaccepted(self, pid: int) -> None:
        """Celery lost its broker and forgot what it had sent to the child and not heard of.

        The child with that id runs it all the same, and nobody will tell of its end. What waited
        behind another was not sent yet, and will not be.
        """
        with self._lock:
            self._waiting.clear()
            if self._current is not None and not self._current.pid:
                self._current = ActiveClaim(self._current.claim_id, pid, time.monotonic())

    def close(self, claim_id: str) -> None:
        """It ended, in whatever way."""
        with self._lock:
            if self._current is not None and self._current.claim_id == claim_id:
                self._current = self._waiting.pop(0) if self._waiting else None
            self._waiting = [claim for claim in self._waiting if claim.claim_id != claim_id]

    def kill_idle(self, kill: Callable[[], None]) -> bool:
        """Kills the child if no claim is in it; the lock keeps the next one out meanwhile."""
        with self._lock:
            if self._current is not None:
                return False
            kill()
            return True

    def stop(self, claim_id: str, kill: Callable[[int], None]) -> bool:
        """Kills the child if that claim is still the one in it.

        The lock keeps the next claim out meanwhile.
        """
        with self._lock:
            if self._current is None or self._current.claim_id != claim_id or not self._current.pid:
                return False
            kill(self._current.pid)
            self.stopped = self._current.pid
            return True
