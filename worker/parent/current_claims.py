"""Which delivery is in the child, and what a renewal's answer means for it: decisions only, no input or output.

The parent speaks for the child, and the two are never in step: an answer about one claim may arrive when the next is already
running. So every verdict is given for a claim id and holds only while that claim is the one in the child (protocol rule 5).
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from app.contract.moves import Hold, RenewAnswer


class Verdict(StrEnum):
    """What to do with the child after a renewal."""

    KEEP = "keep"
    STOP_LOST = "stop_lost"
    STOP_LIMIT = "stop_limit"


@dataclass(frozen=True, slots=True)
class Delivery:
    """A ticket that Celery handed to this worker. `pid` is 0 until the child has it."""

    claim_id: str
    pid: int = 0


def judge(answer: RenewAnswer, run_limit_ms: int) -> Verdict:
    """Says what an answer means for the claim it is about. Only *lost*, and the run limit, stop a child; a refusal does not."""
    if answer.kind is Hold.LOST:
        return Verdict.STOP_LOST
    if answer.kind is Hold.HELD and answer.begun_for_ms is not None and answer.begun_for_ms > run_limit_ms:
        return Verdict.STOP_LIMIT
    return Verdict.KEEP


class Custody:
    """The delivery in the child, shared by the event loop (which opens and closes it) and the thread that speaks for it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._current: Delivery | None = None

    @property
    def current(self) -> Delivery | None:
        """The delivery in the child, or on its way there."""
        return self._current

    def open(self, claim_id: str) -> None:
        """A ticket arrived."""
        with self._lock:
            self._current = Delivery(claim_id)

    def accept(self, claim_id: str, pid: int) -> None:
        """The child took it."""
        with self._lock:
            if self._current is not None and self._current.claim_id == claim_id:
                self._current = Delivery(claim_id, pid)

    def close(self, claim_id: str) -> None:
        """It ended, in whatever way."""
        with self._lock:
            if self._current is not None and self._current.claim_id == claim_id:
                self._current = None

    def replace(self, kill: Callable[[], None]) -> bool:
        """Kills the child if no delivery is in it; the lock keeps the next one out meanwhile."""
        with self._lock:
            if self._current is not None:
                return False
            kill()
            return True

    def stop(self, claim_id: str, kill: Callable[[int], None]) -> bool:
        """Kills the child if that claim is still the one in it; the lock keeps the next one out meanwhile."""
        with self._lock:
            if self._current is None or self._current.claim_id != claim_id or not self._current.pid:
                return False
            kill(self._current.pid)
            return True
