"""POST /predict/ and /predict/async/.

The hot path: the body is read, checked by the model's own checker and written down, and bytes are
answered.
"""

import math
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

from app.background.readiness import Readiness
from app.checking.body_checks import BodyChecks, ChecksUnavailable
from app.checking.request_check import Checked, Refused, Unserved
from app.http.body_memory import BodyMemory, Reservation
from app.http.problems import (
    Kind,
    Problem,
    about_task,
    invalid,
    payload_trouble,
    status_url,
    unserved_model,
)
from app.http.request_body import problem_of, read_body
from app.http.request_headers import WaitPreference, idempotency_key, wants_fresh, wish_of
from app.http.request_trace import SubmissionTrace, delivered
from app.http.responses import entity, json_response, task_error
from app.http.schemas import Accepted, Prediction, TaskError
from app.http.tasks import used_model
from app.metrics import UNKNOWN, Metrics
from app.predictions import REFUSED, Predictions, WaitBroken
from app.settings import GatewaySettings
from inference.errors import PayloadUnavailable, StoreUnavailable
from inference.field_errors import FieldError
from inference.records import PredictionRequest, Record
from inference.states import PUBLIC_WORDS, State
from inference.store.messages import SubmitAnswer, Submitted
from inference.telemetry import current_ids
from inference.telemetry.tracing import Tracing
from inference.trace_context import TraceContext

UNKNOWN_RETRY_S, MOST_RETRY_S = 30, 600
REFUSALS = tuple(
    kind.value[0]
    for kind in (
        *(Kind.BAD_REQUEST, Kind.SLOW, Kind.TOO_LARGE, Kind.MEDIA, Kind.INVALID),
        *(Kind.KEY_CONFLICT, Kind.UNAVAILABLE, Kind.UNSERVED, Kind.BUSY, Kind.PAYLOADS),
        *(Kind.FULL, Kind.NOT_IN_TIME, Kind.PAUSED),
    )
)
"""The kinds of problem by which a prediction is not taken."""

NOT_TAKEN = ("invalid", "refused", "unavailable")
_NOT_RUN = {
    State.CANCELLED: "The prediction was cancelled",
    State.EXPIRED: "The prediction's time to start ran out",
}


@dataclass(slots=True)
class _Tally:
    """What a request is counted as, once, when it is answered."""

    source: str
    model: str = UNKNOWN
    outcome: str = "invalid"


class PredictCalls:
    """The handlers."""

    def __init__(
        self,
        predictions: Predictions,
        checks: BodyChecks,
        readiness: Readiness,
        metrics: Metrics,
        settings: GatewaySettings,
        *,
        tracing: Tracing,
    ) -> None:
        self._tracing = tracing
        self._predictions = predictions
        self._checks = checks
        self._readiness = readiness
        self._metrics = metrics
        self._settings = settings
        self._receiving = BodyMemory(settings.receiving_max_bytes)

    async def sync(self, request: Request) -> Response:
        """Waits for the result, up to the limit or the shorter `Prefer: wait=5`; after a 504 the
        work goes on.
        """
        return await self._answer(request, wish_of(request.headers, self._settings.sync_slo_s))

    async def background(self, request: Request) -> Response:
        """Takes the request and answers where to ask for its result."""
        return await self._answer(request, WaitPreference(0.0, background=True))

    async def _answer(self, request: Request, wish: WaitPreference) -> Response:
        tally = _Tally("async" if wish.background else "sync")
        trace = SubmissionTrace(self._tracing)
        try:
            return await self._predict(request, wish, tally, trace)
        except Problem as problem:
            trace.failed(tally.model, problem)
            if tally.outcome in NOT_TAKEN:
                self._metrics.refusals.labels(tally.model, problem.name).inc()
            raise
        finally:
            self._metrics.requests.labels(tally.source, tally.model, tally.outcome).inc()

    async def _predict(
        self, request: Request, wish: WaitPreference, tally: _Tally, trace: SubmissionTrace
    ) -> Response:
        with self._receiving.room() as room:
            asked = await self._received(request, wish, tally, room, trace.context)
            task_id, record = asked.task_id, None
            try:
                if wish.waits:
                    with self._predictions.pending(task_id, wish.wait_s) as pending:
                        answer = await self._predictions.submit(asked)
                        trace.answered(answer)
                        room.close()
                        del asked  # No input is held while its end is waited for.
                        record = await self._predictions.end(answer, pending)
                else:
                    answer = await self._predictions.submit(asked)
                    trace.answered(answer)
            except WaitBroken as error:
                raise about_task(
                    Kind.UNAVAILABLE,
                    f"{error}; asking for the task tells how it ends",
                    error.task_id,
                ) from error
            except StoreUnavailable as error:
                detail = f"{error}; whether it was taken is unknown: asking for the task tells"
                raise about_task(Kind.UNAVAILABLE, detail, task_id) from error
            except PayloadUnavailable as error:
                raise payload_trouble(error) from error
        if record is not None:
            delivered(self._tracing, record, trace.context)
        return self._told(answer, record, wish, tally)

    async def _received(
        self,
        request: Request,
        wish: WaitPreference,
        tally: _Tally,
        room: Reservation,
        trace: TraceContext | None,
    ) -> PredictionRequest:
        """Reads and checks the body. The parsed body is freed when the checks end."""
        raw = await read_body(
            request, self._settings.max_body_bytes, self._settings.arrival_timeout_s, room
        )
        checked, kept = await self._checked(request, raw, tally)
        headers, key = request.headers, idempotency_key(request.headers)
        # A caller who waits would rather hear at once that it can't be in time; a wait that the
        # caller shortened does not say so.
        longest_s = self._settings.sync_slo_s if wish.waits and not wish.background else 0
        tally.outcome = "unavailable"
        if self._readiness.refusal:
            raise Problem(Kind.UNAVAILABLE, self._readiness.refusal)
        return self._predictions.request(
            checked,
            raw if kept else b"",
            idempotency_key=key,
            fresh=wants_fresh(headers),
            trace=trace,
            request_id=current_ids().get("request_id", ""),
            waits=wish.waits,
            longest_wait_s=longest_s,
        )

    async def _checked(
        self, request: Request, raw: bytearray, tally: _Tally
    ) -> tuple[Checked, bool]:
        """Returns what the body asks for, and whether the body itself is kept as the input."""
        kept = self._predictions.keeps_body(len(raw))
        try:
            checked = await self._checks.check(
                raw, keyed="idempotency-key" in request.headers, whole=kept
            )
        except Refused as refused:
            tally.model = refused.model or UNKNOWN
            raise problem_of(refused) from refused
        except Unserved as unserved:
            tally.model, tally.outcome = unserved.pool, "unavailable"
            raise unserved_model(unserved.pool, unserved.reason) from unserved
        except ChecksUnavailable as error:
            tally.outcome = "unavailable"
            raise Problem(Kind.UNAVAILABLE, str(error)) from error
        tally.model = checked.model
        return checked, kept

    def _told(
        self, answer: SubmitAnswer, record: Record | None, wish: WaitPreference, tally: _Tally
    ) -> Response:
        if answer.kind is Submitted.CONFLICT:
            tally.outcome = "invalid"
            raise _conflict()
        if answer.kind in REFUSED:
            tally.outcome = "refused"
            raise _refused(answer)
        tally.outcome = answer.kind.value
        if record is not None and record.final:
            tally.source = "sync"
            return _ended(record, wish)
        if wish.background:
            return _accepted(answer.task_id, record.state if record else answer.state, wish)
        raise self._too_late(answer.task_id, tally.model, wish)

    def _too_late(self, task_id: str, model: str, wish: WaitPreference) -> Problem:
        if self._predictions.stopping:
            return about_task(
                Kind.STOPPING, "Ask for the task at another gateway", task_id, wish.applied(False)
            )
        self._metrics.timeouts.labels(model, "wait" if wish.own_wait else "slo").inc()
        detail = f"There is no result after {wish.wait_s:g} s; ask for the task"
        return about_task(Kind.TOO_LATE, detail, task_id, wish.applied(False))


def _conflict() -> Problem:
    error = FieldError("Idempotency-Key", "was used with another body before")
    return Problem(
        Kind.KEY_CONFLICT,
        f"{error.field} {error.message}",
        errors=invalid([error]).members["errors"],
    )


def _refused(answer: SubmitAnswer) -> Problem:
    """Returns the problem of a refused submission, with Retry-After.

    Retry-After is when there should be room by the measured rate; where nobody knows, half a
    minute.
    """
    seconds = (
        min(MOST_RETRY_S, max(1, math.ceil(answer.retry_after_ms / 1000)))
        if answer.retry_after_ms >= 0
        else UNKNOWN_RETRY_S
    )
    headers = {"Retry-After": str(seconds)}
    if answer.kind is Submitted.LATE:
        return Problem(
            Kind.NOT_IN_TIME,
            "By what the workers do now it would not be done within the wait",
            headers,
        )
    if answer.kind is Submitted.PAUSED:
        return Problem(Kind.PAUSED, "An operator paused the model; try again later", headers)
    return Problem(Kind.FULL, "As much is waiting as may be", headers)


def _ended(record: Record, wish: WaitPreference) -> Response:
    headers = wish.applied(False)
    if record.state is not State.SUCCESS:
        raise _bad_end(record, headers)
    body: Prediction = {
        "task_id": record.task_id,
        "status": PUBLIC_WORDS[record.state],
        **entity(record.entity_key),
        "result": record.result,
        "model": used_model(record),
        "queue_ms": max(0, record.begun_ms - record.created_ms),
        "run_ms": record.run_ms,
    }
    return json_response(body, 200, headers)


def _bad_end(record: Record, headers: dict[str, str]) -> Problem:
    """Returns what a sync call gets for a prediction that ended without a result."""
    if record.state is State.FORGOTTEN:
        return Problem(
            Kind.GONE, "The result was dropped after its time", headers, task_id=record.task_id
        )
    error: TaskError
    if record.state in _NOT_RUN:
        kind, error = Kind.ENDED_OTHERWISE, _not_run(record)
    else:
        error = task_error(record.error) or {"type": "unknown", "message": "The prediction failed"}
        kind = Kind.INVALID_INPUT if error.get("type") == "invalid_input" else Kind.FAILED
    detail = str(error.get("message", ""))
    return about_task(kind, detail, record.task_id, headers, error=error, attempts=record.attempts)


def _not_run(record: Record) -> TaskError:
    """A purge says why; a cancelled record may have the error of a run before."""
    if record.error and record.error.get("type") == "purged":
        return {"type": "purged", "message": str(record.error.get("message", ""))}
    return {"type": record.state.value, "message": _NOT_RUN[record.state]}


def _accepted(task_id: str, state: State, wish: WaitPreference) -> Response:
    url = status_url(task_id)
    body: Accepted = {"task_id": task_id, "status": PUBLIC_WORDS[state], "status_url": url}
    return json_response(body, 202, {"Location": url, "Retry-After": "1"} | wish.applied(True))
