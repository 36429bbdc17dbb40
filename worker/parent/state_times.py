"""Adds up how long the worker was in each state, and counts the processes of the model it lost."""

import time
from collections.abc import Callable

from inference.store.messages import WorkerState
from worker import metrics
from worker.child_status import ChildStatusFiles
from worker.parent.child_replacement import ChildReplacement
from worker.parent.current_claims import CurrentClaims


class StateTimes:
    """Called once a beat, by the parent's thread. `state` answers what the worker does now."""

    def __init__(
        self,
        model: str,
        state: Callable[[], WorkerState],
        child_status: ChildStatusFiles,
        replacement: ChildReplacement,
        claims: CurrentClaims,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._model = model
        self._state = state
        self._child_status = child_status
        self.replacement = replacement
        self._claims = claims
        self._clock = clock
        self._since, self._was = clock(), WorkerState.LOADING
        self._pid = 0

    def look(self) -> None:
        """The time since the last look counts for the state that was seen then."""
        now = self._clock()
        metrics.STATE_SECONDS.labels(self._model, self._was.value).inc(now - self._since)
        self._since, self._was = now, self._state()
        pid = self._child_status.pid()
        if self._pid and pid and pid != self._pid:
            metrics.RESTARTED.labels(self._model, self._cause(self._pid)).inc()
        self._pid = pid or self._pid

    def _cause(self, pid: int) -> str:
        """Why a child is there no more; `died` is whatever nobody here did."""
        replacement = self.replacement
        return {
            self._claims.stopped: "stopped",
            replacement.memory_limit.ended: "memory",
            replacement.version_switch.ended: "version",
        }.get(pid, "died")
