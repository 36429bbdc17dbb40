"""The claim that the child has now, as the parent knows it.

The parent speaks for the child, and the two are never in step: an answer about one claim may arrive
when the next is already running. So whatever is done to the child is done for a claim id, and only
while that claim is the one in it (protocol rule 5).
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ActiveClaim:
    """A ticket that Celery handed to this worker. `pid` is 0 until the child has it."""

    claim_id: str
    pid: int = 0


class CurrentClaims:
    """The claim in the child, one at most.

    The event loop opens and closes it; the parent's thread reads it and stops it.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._current: ActiveClaim | None = None
        self.opened = 0
        """How many there were until now."""

    @property
    def current(self) -> ActiveClaim | None:
        """The claim in the child, or on its way there."""
        return self._current

    def open(self, claim_id: str) -> None:
        """A ticket arrived."""
        with self._lock:
            self.opened += 1
            self._current = ActiveClaim(claim_id)

    def accept(self, claim_id: str, pid: int) -> None:
        """The child took it."""
        with self._lock:
            if self._current is not None and self._current.claim_id == claim_id:
                self._current = ActiveClaim(claim_id, pid)

    def close(self, claim_id: str) -> None:
        """It ended, in whatever way."""
        with self._lock:
            if self._current is not None and self._current.claim_id == claim_id:
                self._current = None

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
            return True
