"""Tells the store how those claims ended about which the child can't tell any more."""

import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import orjson
import structlog

from inference.errors import error_text
from inference.failpoints import Failpoint, failpoint
from inference.records import BadRun
from inference.states import State
from inference.store.messages import ALL, Outcome, OutcomeKind, SettleAnswer
from inference.store.protocols import WorkerStore
from inference.telemetry.run_spans import write_bad_run
from inference.telemetry.tracing import Tracing, tracing
from worker import metrics
from worker.settings import WorkerSettings
from worker.tickets import Tickets

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class _Report:
    claim_id: str
    outcome: Outcome
    reason: str


class ClaimReports:
    """The event loop queues reports, the parent's thread sends them.

    Those that the store did not take are sent again.

    `version` answers the model version that the child holds. `wake` is set when there is something
    to send.
    """

    def __init__(
        self,
        settings: WorkerSettings,
        store: WorkerStore,
        tickets: Tickets,
        version: Callable[[], str],
        wake: threading.Event,
    ) -> None:
        self._settings = settings
        self._store = store
        self._tickets = tickets
        self._version = version
        self._wake = wake
        self._queue: deque[_Report] = deque()
        self._reasons: dict[str, str] = {}
        self._tracing: Tracing | None = None

    def expect_failure(self, claim_id: str, reason: str) -> None:
        """Celery is going to say that a claim ended badly.

        The store is told about that already.
        """
        self._reasons[claim_id] = reason

    def ended_badly(self, claim_id: str, cause: BaseException, timed_out: bool) -> None:
        """The child died under a claim, outran Celery's limit, or let an exception out."""
        reason = self._reasons.pop(claim_id, "")
        if not reason:
            reason = "timeout" if timed_out else "worker_lost"
            self._add(claim_id, reason)
        cause_text = f"{type(cause).__name__}: {error_text(cause)}"
        log.warning("claim.ended_badly", claim_id=claim_id, reason=reason, cause=cause_text)

    def child_died(self, claim_id: str) -> None:
        """The child is dead, and Celery may not have seen it yet."""
        if claim_id not in self._reasons:
            self.expect_failure(claim_id, "worker_lost")
            self._add(claim_id, "worker_lost")

    def send(self) -> None:
        """Sends what is queued; raises `StoreUnavailable`, and then the rest stays queued."""
        while self._queue:
            failpoint(Failpoint.REPORT_DUE)
            report = self._queue[0]
            self.settle(report.claim_id, report.outcome, report.reason)
            self._queue.popleft()

    def settle(self, claim_id: str, outcome: Outcome, reason: str) -> SettleAnswer:
        """Tells the store at once; raises `StoreUnavailable`."""
        answer = self._store.settle(self._settings.model, claim_id, [outcome], self._version())
        failed_how = reason if outcome.verb is OutcomeKind.FAIL else ""
        for word in answer.words.values():
            # Others the child may have counted.
            if word in (State.FAILURE, State.RETRY) or (word == State.WAITING and failed_how):
                metrics.count_end(self._settings.model, word, failed_how)
        log.info("claim.reported", claim_id=claim_id, reason=reason, records=answer.words)
        self._tell(answer.bad_runs, reason)
        failpoint(Failpoint.REPORTED)
        self._tickets.publish_missing(answer.tickets)
        return answer

    def close(self) -> None:
        """Exports the last spans, within a bounded time."""
        if self._tracing is not None:
            self._tracing.close()

    def _tell(self, runs: Sequence[BadRun], reason: str) -> None:
        """Writes the spans of runs that the child can't tell of any more.

        That is rare, so this process has the exporter in its memory from then on only.
        """
        own = self._settings
        if not runs:
            return
        if self._tracing is None:
            self._tracing = tracing("inference-worker", own.worker_id, own.key_prefix)
        for run in runs:
            write_bad_run(self._tracing, own.model, run, reason)

    def _add(self, claim_id: str, reason: str) -> None:
        self._queue.append(_Report(claim_id, failed(reason, self._settings), reason))
        self._wake.set()


def failed(reason: str, settings: WorkerSettings) -> Outcome:
    """Returns the failure of all records of a claim: `reason` is `timeout` or `worker_lost`."""
    messages = {
        "timeout": f"the model did not answer within its run limit of {settings.run_limit_s:g} s",
        "worker_lost": "the process that ran it died",
    }
    return Outcome(
        ALL, OutcomeKind.FAIL, orjson.dumps({"type": reason, "message": messages[reason]})
    )
