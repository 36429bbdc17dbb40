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

import orjson
import structlog

from inference.errors import (
    DeviceBroken,
    InputUnavailable,
    InvalidInput,
    PayloadGone,
    PayloadUnavailable,
    Permanent,
    StoreUnavailable,
    error_text,
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
from worker import metrics
from worker.child.oom_split import predict_in_halves
from worker.child.payloads import RecordPayloads
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

OF_ITS_OWN = (InvalidInput, InputUnavailable, PayloadUnavailable, PayloadGone)
"""What goes wrong with an input before the model has it; its batch mates have no part in it."""

MOST_MESSAGE = 2_000
"""Characters of an exception's text that a record keeps."""


class Runner:
    """Runs tickets on one loaded model, in the child."""

    def __init__(
        self, settings: WorkerSettings, store: WorkerStore, model: Model, tickets: Tickets
    ) -> None:
        self._settings = settings
        self._store = store
        self._model = model
        self._tickets = tickets
        self._payloads = RecordPayloads(
            settings, lambda task_id, error: _outcome(task_id, error, own=True, run_ms=0)
        )
        self._broken = ""

    @property
    def version(self) -> str:
        """The version of the model."""
        return self._model.version

    def run(self, claim_id: str) -> None:
        """Carries one ticket out."""
        failpoint(Failpoint.TICKET_TAKEN)
        answer = self._claim(claim_id)
        records = [record for record in answer.records if record.input is not None]
        if not records:
            metrics.EMPTY_CLAIMS.labels(self._settings.model).inc()
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
            os._exit(BROKEN_DEVICE)

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
        with metrics.PREPARE_SECONDS.labels(self._settings.model).time():
            prepared = self._model.prepare(inputs, self._settings.input_limits)
        if len(prepared) != len(inputs):
            raise RuntimeError(f"the model prepared {len(prepared)} of {len(inputs)} inputs")
        return prepared

    def _ran(
        self, records: Sequence[ClaimedRecord], rows: Sequence[Any], alone: bool
    ) -> list[Outcome]:
        metrics.BATCH_ROWS.labels(self._settings.model).observe(
            sum(record.rows for record in records)
        )
        started = time.perf_counter()
        try:
            results = self._run_model(rows)
        except BaseException as error:  # foreign code: see the module
            return self._all_failed(records, error, alone)
        finally:
            seconds = time.perf_counter() - started
            metrics.RUN_SECONDS.labels(self._settings.model).observe(seconds)
        return [
            _outcome(r.task_id, result, own=True, run_ms=round(seconds * 1000))
            for r, result in zip(records, results, strict=True)
        ]

    def _all_failed(
        self, records: Sequence[ClaimedRecord], error: BaseException, alone: bool
    ) -> list[Outcome]:
        if isinstance(error, DeviceBroken):
            self._broken = first_line(error)
        log.warning("model.raised", error=type(error).__name__, records=len(records), alone=alone)
        return [_outcome(record.task_id, error, own=False, run_ms=0) for record in records]

    def _run_model(self, rows: Sequence[Any]) -> list[Any]:
        """Runs the batch, in halves if the device can't hold it.

        A single one that it can't hold is that record's failure.
        """
        return predict_in_halves(
            self._model.run, rows, metrics.HALVED.labels(self._settings.model).inc
        )

    def _write(self, claim_id: str, outcomes: list[Outcome]) -> None:
        own = self._settings

        def settle() -> SettleAnswer:
            return self._store.settle(own.model, claim_id, outcomes, self._model.version)

        failpoint(Failpoint.RUN)
        answer = _retry(settle, own.backstop_s)
        failpoint(Failpoint.SETTLED)
        for word in answer.words.values():
            metrics.ENDED.labels(own.model, word).inc()
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
        _outcome(record.task_id, value, own=True, run_ms=0)
        for record, value in both
        if isinstance(value, OF_ITS_OWN)
    ]
    ready = [(record, value) for record, value in both if not isinstance(value, OF_ITS_OWN)]
    return failed, [record for record, _ in ready], [value for _, value in ready]


def _outcome(task_id: str, result: Any, own: bool, run_ms: int) -> Outcome:
    if not isinstance(result, BaseException):
        try:
            return Outcome(
                task_id,
                OutcomeKind.FINISH,
                orjson.dumps(result, option=orjson.OPT_SERIALIZE_NUMPY),
                run_ms=run_ms,
            )
        except TypeError as unfit:
            result = TypeError(f"the model's result is not JSON: {unfit}")
    kinds = (
        (InvalidInput | InputUnavailable, "invalid_input"),
        (DeviceBroken, "device_error"),
        (PayloadUnavailable, "payload_unavailable"),
        (PayloadGone, "payload_gone"),
    )
    kind = next((word for error, word in kinds if isinstance(result, error)), "model_error")
    told = {"type": kind, "message": _message(result)}
    if isinstance(result, InvalidInput | InputUnavailable) and result.field:
        told["field"] = result.field
    verb = OutcomeKind.FAIL_FOR_GOOD if isinstance(result, Permanent) else OutcomeKind.FAIL
    return Outcome(task_id, verb, orjson.dumps(told), own=own, run_ms=run_ms)


def _message(error: BaseException) -> str:
    plain = Permanent | InputUnavailable | PayloadUnavailable
    text = error_text(error)
    text = (
        text or type(error).__name__
        if isinstance(error, plain)
        else f"{type(error).__name__}: {text}"
    )
    return text.encode("utf-8", "replace").decode()[:MOST_MESSAGE]


def _retry(call: Callable[[], T], timeout_s: float) -> T:
    """Retries while the store does not answer, since every move may be sent twice."""
    return retry_until(call, StoreUnavailable, timeout_s=timeout_s, pause_s=0.1, max_pause_s=2.0)
