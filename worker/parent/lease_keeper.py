"""Renews the lease of the claim in the child, and stops the child when the answer says so."""

import os
import signal
import time
from collections.abc import Callable
from enum import StrEnum

import structlog

from inference.failpoints import Failpoint, failpoint
from inference.store.messages import ALL, LeaseStatus, Outcome, OutcomeKind, RenewAnswer
from inference.store.protocols import WorkerStore
from worker import metrics
from worker.parent.claim_reports import ClaimReports, failed
from worker.parent.current_claims import ActiveClaim, CurrentClaims
from worker.settings import WorkerSettings

log = structlog.get_logger()


class Verdict(StrEnum):
    """What to do with the child after a renewal."""

    KEEP = "keep"
    STOP_LOST = "stop_lost"
    STOP_LIMIT = "stop_limit"


def judge(answer: RenewAnswer, run_limit_ms: int) -> Verdict:
    """Says what an answer means for the claim it is about.

    Only *lost*, and the run limit, stop a child; a refusal does not.
    """
    if answer.kind is LeaseStatus.LOST:
        return Verdict.STOP_LOST
    if (
        answer.kind is LeaseStatus.HELD
        and answer.begun_for_ms is not None
        and answer.begun_for_ms > run_limit_ms
    ):
        return Verdict.STOP_LIMIT
    return Verdict.KEEP


class LeaseKeeper:
    """Called once a beat, by the parent's thread."""

    def __init__(
        self,
        settings: WorkerSettings,
        store: WorkerStore,
        claims: CurrentClaims,
        reports: ClaimReports,
        closed: Callable[[str], None],
    ) -> None:
        """`closed` is called with a claim that ended and of which Celery will not tell."""
        self._closed = closed
        self._settings = settings
        self._store = store
        self._claims = claims
        self._reports = reports

    def renew(self) -> None:
        """Renews; raises `StoreUnavailable`, and then the child goes on."""
        claim = self._claims.current
        if claim is None:
            return
        answer = self._store.renew(
            self._settings.model, claim.claim_id, self._settings.run_limit_ms
        )
        failpoint(Failpoint.RENEWED)
        if claim.forgotten_at and self._is_over(claim, answer):
            self._closed(claim.claim_id)
            return
        verdict = judge(answer, round(self._settings.run_limit_s * 1000))
        if verdict is Verdict.STOP_LOST:
            metrics.LEASES_LOST.labels(self._settings.model).inc()
            self._stop(claim.claim_id, Outcome(ALL, OutcomeKind.HAND_BACK), "lost")
        elif verdict is Verdict.STOP_LIMIT:
            self._stop(claim.claim_id, failed("timeout", self._settings), "timeout")

    def _is_over(self, claim: ActiveClaim, answer: RenewAnswer) -> bool:
        """Whether a claim that Celery forgot has ended, or was never made.

        A child that stood still for a lease may still make it; the reaper then looks after it.
        """
        if answer.kind is LeaseStatus.NOT_YET:
            return time.monotonic() > claim.forgotten_at + self._settings.lease_s
        return answer.kind is LeaseStatus.ENDED

    def _stop(self, claim_id: str, outcome: Outcome, reason: str) -> None:
        """Tells the store the outcome, then kills the child.

        The store comes first: that closes the fence, so a write the dying child has under way can't
        be half believed.
        """
        self._reports.expect_failure(claim_id, reason)
        try:
            self._reports.settle(claim_id, outcome, reason)
            failpoint(Failpoint.STOP_TOLD)
        finally:
            stopped = self._claims.stop(claim_id, lambda pid: os.kill(pid, signal.SIGKILL))
            log.warning(
                "child.stopped" if stopped else "child.spared", claim_id=claim_id, reason=reason
            )
