"""Ends a worker that was told to stop.

A running batch may end within DRAIN_TIMEOUT_S; then it is handed back.
"""

import os
import signal
import sys
import threading
import time
from collections.abc import Callable

import structlog

from inference.errors import StoreUnavailable
from inference.failpoints import Failpoint, failpoint
from inference.store.messages import ALL, Outcome, OutcomeKind
from worker.parent.claim_reports import ClaimReports
from worker.parent.current_claims import CurrentClaims
from worker.parent.heartbeat import Heartbeat

log = structlog.get_logger()


class Drain:
    """`request` is called by signal handlers, `check` once a beat by the parent's thread.

    `wake` has it check at once.
    """

    def __init__(
        self,
        *,
        timeout_s: float,
        claims: CurrentClaims,
        reports: ClaimReports,
        heartbeat: Heartbeat,
        wake: threading.Event,
        exit_process: Callable[[int], None],
    ) -> None:
        self._timeout_s = timeout_s
        self._claims = claims
        self._reports = reports
        self._heartbeat = heartbeat
        self._wake = wake
        self._exit_process = exit_process
        self._until: float | None = None
        self._signalled = False

    @property
    def requested(self) -> bool:
        """Whether this worker was told to stop."""
        return self._until is not None

    def request(self) -> None:
        """A signal to stop: once, let the run end if it fits; again, hand it back now."""
        now = time.monotonic()
        self._until = now + self._timeout_s if self._until is None else now
        failpoint(Failpoint.DRAINING)
        self._wake.set()

    def request_by_signal(self, sentence: str) -> None:
        """Has this worker drain and end, and prints one sentence that says why.

        It takes no more tickets. It is not killed at once, since the running batch may still be its
        own installation's.
        """
        if not self._signalled:
            print(f"worker: {sentence}", file=sys.stderr, flush=True)
            os.kill(os.getpid(), signal.SIGTERM)
        self._signalled = True

    def check(self) -> None:
        """Hands back the batch that still runs when the time is up, and leaves.

        Celery leaves by itself when the run ended before.
        """
        if self._until is None or time.monotonic() < self._until:
            return
        claim = self._claims.current
        handed_back = 0
        if claim is not None:
            try:
                answer = self._reports.settle(
                    claim.claim_id, Outcome(ALL, OutcomeKind.HAND_BACK), "drain"
                )
                failpoint(Failpoint.HANDED_BACK)
                handed_back = sum(word == "waiting" for word in answer.words.values())
            except StoreUnavailable as error:
                log.warning("worker.hand_back_unheard", error=str(error))
        log.info("worker.drained", handed_back=handed_back)
        self._heartbeat.say_goodbye()
        self._reports.close()
        self._exit_process(0)
