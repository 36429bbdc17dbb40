"""One ticket from claim to write.

Up to B records under one claim id are prepared and run together, and ended in one write.

The model is foreign code: whatever it raises becomes the outcome of the records that it ran, and
nothing of it leaves here, since a MemoryError or SystemExit that reached Celery would take the
whole worker down (docs/facts/celery.md).
"""

import os
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import structlog

from inference.errors import (
    DeviceBroken,
    StoreUnavailable,
    UnfitAnswer,
    first_line,
)
from inference.failpoints import Failpoint, failpoint
from inference.retry import retry_until
from inference.store.messages import (
    STALE,
    ClaimAnswer,
    ClaimedRecord,
    ClaimRequest,
    ClaimStatus,
    Outcome,
    OutcomeKind,
    SettleAnswer,
)
from inference.store.protocols import WorkerStore
from inference.telemetry.tracing import Tracing
from worker.child import tracebacks
from worker.child.claim_metrics import ClaimMetrics
from worker.child.claim_trace import ClaimTrace
from worker.child.failures import OF_ITS_OWN, failure
from worker.child.oom_split import predict_in_halves
from worker.child.payloads import RecordPayloads
from worker.child.results import result_json
from worker.models import Model
from worker.settings import WorkerSettings
from worker.tickets import Tickets

log = structlog.get_logger()
T = TypeVar("T")

CLAIM_TIMEOUT_S = 5.0
"""How long a claim tries to reach the store.

Then the ticket is dropped, and heartbeats ask for another.
"""

BROKEN_DEVICE = 70
"""The exit code of a child that could not run anything any more."""


class Runner:
    """Runs tickets on one loaded model, in the child."""

    def __init__(
        self,
        settings: WorkerSettings,
        store: WorkerStore,
        model: Model,
        tickets: Tickets,
        *,
        tracing: Tracing | None = None,
    ) -> None:
        self._tracing = tracing or Tracing()
        self._trace = ClaimTrace(self._tracing, settings, "")
        self._settings = settings
        self._store = store
        self._model = model
        self._tickets = tickets
        self._payloads = RecordPayloads(
            settings, lambda task_id, error: failure(task_id, error, own=True)
        )
        self._measures = ClaimMetrics(settings.model)
        self._broken = ""

    @property
    def version(self) -> str:
        """The version of the model."""
        return self._model.version

    @property
    def device(self) -> str:
        """Where the model runs."""
        return self._model.device

    def run(self, claim_id: str) -> None:
        """Carries one ticket out."""
        failpoint(Failpoint.TICKET_TAKEN)
        self._measures.ticket_taken()
        self._trace = ClaimTrace(self._tracing, self._settings, claim_id)
        answer = self._claim(claim_id)
        self._trace.claimed(answer)
        records = [record for record in answer.records if record.input is not None]
        self._measures.claimed(records)
        if not records:
            return
        ids = [record.task_id for record in records]
        failpoint(Failpoint.COVERED)
        held = set(
            _retry(
                lambda: self._store.begin(self._settings.model, claim_id, ids),
                self._settings.backstop_s,
            )
        )
        records = [record for record in records if record.task_id in held]
        if not records:
            return
        failpoint(Failpoint.BEGUN)
        log.info(
            "prediction.began", claim_id=claim_id, task_ids=[record.task_id for record in records]
        )
        outcomes = self._outcomes(records, alone=len(answer.records) == 1)
        self._write(claim_id, self._payloads.keep_results(claim_id, outcomes))
        if self._broken:
            log.error(
                "device.broken",
                claim_id=claim_id,
                error=self._broken,
                consequence="this process ends, another takes its place",
            )
            self.close()
            os._exit(BROKEN_DEVICE)

    def close(self) -> None:
        """Exports the last spans, within a bounded time."""
        self._tracing.close()

    def _claim(self, claim_id: str) -> ClaimAnswer:
        own = self._settings
        ask = ClaimRequest(
            own.model, claim_id, own.worker_id, own.max_batch_size, own.max_batch_wait_ms
        )
        try:
            answer = _retry(lambda: self._store.claim(ask), CLAIM_TIMEOUT_S)
            while answer.kind is ClaimStatus.WAIT:
                failpoint(Failpoint.CLAIM_WAITS)
                time.sleep(answer.wait_ms / 1000)
                answer = _retry(lambda: self._store.claim(ask), CLAIM_TIMEOUT_S)
            failpoint(Failpoint.CLAIMED)
            self._tickets.publish_missing(answer.tickets)
        except StoreUnavailable as error:
            log.warning("claim.given_up", claim_id=claim_id, error=str(error))
            return ClaimAnswer(ClaimStatus.NOTHING)
        return answer

    def _outcomes(self, records: Sequence[ClaimedRecord], alone: bool) -> list[Outcome]:
        """Those whose inputs can't be read or prepared fail alone.

        It does not matter what becomes of the others.
        """
        lost, records, inputs = _apart(records, self._payloads.inputs(records))
        if not records:
            return lost
        try:
            prepared = self._prepare(inputs)
        except BaseException as error:  # foreign code: see the module
            return lost + self._all_failed(records, error, alone)
        failed, records, rows = _apart(records, prepared)
        return lost + failed + (self._ran(records, rows, alone) if records else [])

    def _prepare(self, inputs: Sequence[Mapping[str, Any]]) -> list[Any]:
        with self._measures.preparing():
            prepared = self._model.prepare(inputs, self._settings.input_limits)
        if len(prepared) != len(inputs):
            raise RuntimeError(f"the model prepared {len(prepared)} of {len(inputs)} inputs")
        return prepared

    def _ran(
        self, records: Sequence[ClaimedRecord], rows: Sequence[Any], alone: bool
    ) -> list[Outcome]:
        self._trace.running(records)
        started = time.perf_counter()
        try:
            results = self._run_model(rows)
        except BaseException as error:  # foreign code: see the module
            return self._all_failed(records, error, alone)
        finally:
            seconds = time.perf_counter() - started
            self._measures.ran(records, seconds)
        return [
            self._outcome(record.task_id, result, round(seconds * 1000))
            for record, result in zip(records, results, strict=True)
        ]

    def _outcome(self, task_id: str, result: Any, run_ms: int) -> Outcome:
        if isinstance(result, BaseException):
            return failure(task_id, result, own=True, run_ms=run_ms)
        try:
            payload = result_json(result, self._settings.result_nan)
        except UnfitAnswer as unfit:
            return failure(task_id, unfit, own=True, run_ms=run_ms)
        return Outcome(task_id, OutcomeKind.FINISH, payload, run_ms=run_ms)

    def _all_failed(
        self, records: Sequence[ClaimedRecord], error: BaseException, alone: bool
    ) -> list[Outcome]:
        if isinstance(error, DeviceBroken):
            self._broken = first_line(error)
        log.warning(
            "model.raised",
            error=type(error).__name__,
            records=len(records),
            alone=alone,
            traceback=tracebacks.whole(error),
        )
        return [
            tracebacks.with_traceback(failure(record.task_id, error, own=False), error)
            for record in records
        ]

    def _run_model(self, rows: Sequence[Any]) -> list[Any]:
        """Runs the batch, in halves if the device can't hold it.

        A single one that it can't hold is that record's failure.
        """
        return predict_in_halves(self._model.run, rows, self._measures.halved)

    def _write(self, claim_id: str, outcomes: list[Outcome]) -> None:
        own = self._settings

        def settle() -> SettleAnswer:
            return self._store.settle(own.model, claim_id, outcomes, self._model.version)

        failpoint(Failpoint.RUN)
        self._trace.settling()
        answer = _retry(settle, own.backstop_s)
        failpoint(Failpoint.SETTLED)
        self._measures.settled(answer.words, outcomes)
        self._trace.settled(outcomes, answer, self.version)
        if refused := [task_id for task_id, word in answer.words.items() if word == STALE]:
            log.warning("prediction.write_refused", claim_id=claim_id, task_ids=refused)
        log.info("prediction.ended", claim_id=claim_id, records=answer.words)
        try:
            self._tickets.publish_missing(answer.tickets)
        except StoreUnavailable:
            log.info("tickets.in_flight_not_raised", claim_id=claim_id)


def _apart(
    records: Sequence[ClaimedRecord], values: Sequence[Any]
) -> tuple[list[Outcome], list[ClaimedRecord], list[Any]]:
    """The outcomes of records that are errors of their own by now, and the other records.

    Those come with what they have come to.
    """
    both = list(zip(records, values, strict=True))
    failed = [
        failure(record.task_id, value, own=True)
        for record, value in both
        if isinstance(value, OF_ITS_OWN)
    ]
    ready = [(record, value) for record, value in both if not isinstance(value, OF_ITS_OWN)]
    return failed, [record for record, _ in ready], [value for _, value in ready]


def _retry(call: Callable[[], T], timeout_s: float) -> T:
    """Retries while the store does not answer, since every move may be sent twice."""
    return retry_until(call, StoreUnavailable, timeout_s=timeout_s, pause_s=0.1, max_pause_s=2.0)
