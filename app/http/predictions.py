"""POST /predict/ and /predict/async/.

The hot path: the body is read, checked by the model's own checker and written down, and bytes are
answered.
"""

from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

from app.background.readiness import Readiness
from app.checking.body_checks import BodyChecks, ChecksUnavailable
from app.checking.request_check import Checked, Refused, Unserved
from app.http.body_memory import BodyMemory, Reservation
from app.http.prediction_answers import (
    accepted_answer,
    answer_of_end,
    conflict_problem,
    refusal_problem,
)
from app.http.problems import (
    Kind,
    Problem,
    about_task,
    payload_trouble,
    unserved_model,
)
from app.http.request_body import problem_of, read_body
from app.http.request_headers import WaitPreference, idempotency_key, wants_fresh, wish_of
from app.http.request_trace import SubmissionTrace, delivered
from app.metrics import UNKNOWN, Metrics
from app.predictions import REFUSED, Predictions, WaitBroken
from app.settings import GatewaySettings
from app.submission import Submission, SubmitFailed
from inference.errors import PayloadUnavailable
from inference.ids import model_of
from inference.records import Record
from inference.store.messages import SubmitAnswer, Submitted
from inference.telemetry import current_ids
from inference.telemetry.tracing import Tracing
from inference.trace_context import TraceContext

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
            tally.model = asked.request.model
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
            except SubmitFailed as error:
                tally.model = model_of(error.task_id) or UNKNOWN
                detail = f"{error}; whether it was taken is unknown: asking for the task tells"
                raise about_task(Kind.UNAVAILABLE, detail, error.task_id) from error
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
    ) -> Submission:
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
                raw, key=request.headers.get("idempotency-key", "").strip(' "'), whole=kept
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
        tally.model = model_of(answer.task_id) or UNKNOWN
        if answer.kind is Submitted.CONFLICT:
            tally.outcome = "invalid"
            raise conflict_problem()
        if answer.kind in REFUSED:
            tally.outcome = "refused"
            raise refusal_problem(answer)
        tally.outcome = answer.kind.value
        if record is not None and record.final:
            tally.source = "sync"
            return answer_of_end(record, wish)
        if wish.background:
            return accepted_answer(answer.task_id, record.state if record else answer.state, wish)
        raise self._too_late(answer.task_id, tally.model, wish)

    def _too_late(self, task_id: str, model: str, wish: WaitPreference) -> Problem:
        if self._predictions.stopping:
            return about_task(
                Kind.STOPPING, "Ask for the task at another gateway", task_id, wish.applied(False)
            )
        self._metrics.timeouts.labels(model, "wait" if wish.own_wait else "slo").inc()
        detail = f"There is no result after {wish.wait_s:g} s; ask for the task"
        return about_task(Kind.TOO_LATE, detail, task_id, wish.applied(False))
