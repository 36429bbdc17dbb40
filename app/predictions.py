"""Predicting, whoever asks by which protocol.

A request that passed the checks becomes a record, its ticket is sent, and its end can be waited
for.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace

import structlog

from app.background.result_waiter import ResultWaiter
from app.background.ticket_rounds import TicketRounds
from app.checking.request_check import Checked, digest
from app.large_payloads import LargePayloads
from app.served_models import Registry
from app.submission import Placement, Submission
from inference.errors import PayloadGone, PayloadUnavailable, StoreUnavailable
from inference.failpoints import Failpoint, failpoint
from inference.ids import model_of, new_task_id
from inference.records import PredictionRequest, Record
from inference.store.messages import SubmitAnswer, Submitted
from inference.store.protocols import GatewayStore
from inference.telemetry.logs import debugging
from inference.trace_context import TraceContext

log = structlog.get_logger()

REFUSED = (Submitted.CONFLICT, Submitted.FULL, Submitted.LATE, Submitted.PAUSED)
"""Nothing was written, or joined."""

CLIENT = ""
"""Whose idempotency keys are meant; one for all until callers have names."""


@dataclass(frozen=True, slots=True)
class PendingResult:
    """A registered wait for a prediction that this gateway made the id of."""

    task_id: str
    news: asyncio.Event
    """Set when the record is worth a look."""
    deadline: float
    """By the event loop's clock."""


class WaitBroken(StoreUnavailable):
    """The store failed, or lost the record, while an accepted prediction was waited for."""

    def __init__(self, message: str, task_id: str) -> None:
        super().__init__(message)
        self.task_id = task_id


class Predictions:
    """Submits, and waits."""

    def __init__(
        self,
        store: GatewayStore,
        payloads: LargePayloads,
        tickets: TicketRounds,
        waiting: ResultWaiter,
        registry: Registry,
        *,
        placement: Placement,
        priority_step_s: float,
    ) -> None:
        self._payloads = payloads
        self._priority_step_s = priority_step_s
        self._store = store
        self._tickets = tickets
        self._waiting = waiting
        self._registry = registry
        self._placement = placement

    @property
    def stopping(self) -> bool:
        """Whether the gateway is about to end, so that waits end early."""
        return self._waiting.stopping

    def request(
        self,
        checked: Checked,
        body: bytes | bytearray = b"",
        *,
        idempotency_key: str = "",
        fresh: bool = False,
        trace: TraceContext | None = None,
        request_id: str = "",
        waits: bool = False,
        longest_wait_s: float = 0,
    ) -> Submission:
        """Returns the request with a new id, and for the pool that takes it.

        The id is made here, so that a caller can be told it when the store fails. `body` is kept as
        the input where `keeps_body` says so. `waits`: its end will be waited for. With
        `longest_wait_s` the store may refuse a request that by the measured rate would take longer.
        """
        request = PredictionRequest(
            task_id=new_task_id(checked.model),
            model=checked.model,
            input=bytes(body) or checked.input,
            entity_key=checked.entity_key,
            join_key=self._placement.join_key(checked.model, checked.join_digest),
            join_version=self._registry.models[checked.model].version,
            fresh=fresh,
            idempotency_key=digest(CLIENT, checked.model, idempotency_key)
            if idempotency_key
            else "",
            body_digest=checked.body_digest if idempotency_key else "",
            listener=self._waiting.channel if waits else "",
            head_start_ms=round(checked.priority * self._priority_step_s * 1000),
            time_to_start_ms=max(1, round(checked.time_to_start_s * 1000))
            if checked.time_to_start_s
            else 0,
            trace=trace,
            request_id=request_id,
            longest_wait_ms=round(longest_wait_s * 1000),
        )
        return self._placement.placed(checked, request)

    def keeps_body(self, size: int) -> bool:
        """Whether a body of so many bytes is itself kept as the input.

        A worker takes from it what it needs.
        """
        return self._payloads.takes(size)

    async def submit(self, submission: Submission) -> SubmitAnswer:
        """Writes the record down, or joins; a large input goes before it.

        Raises `SubmitFailed`, `PayloadUnavailable`.
        """
        return await self._placement.submit(submission, self._submit)

    async def _submit(self, request: PredictionRequest) -> SubmitAnswer:
        failpoint(Failpoint.ASKED)
        large = self._payloads.takes(len(request.input))
        answer = await (self._submit_large(request) if large else self._store.submit(request))
        failpoint(Failpoint.WRITTEN)
        if debugging():
            log.debug("prediction.submitted", task_id=answer.task_id, outcome=answer.kind)
        self._tickets.need(request.model, answer.tickets)
        return answer

    async def _submit_large(self, request: PredictionRequest) -> SubmitAnswer:
        """Writes the large input, then the record.

        Where the outcome is unknown the input stays: the record may be there, and if not the sweep
        takes it.
        """
        task_id = request.task_id
        reference = await self._payloads.keep_input(task_id, request.input)
        failpoint(Failpoint.INPUT_KEPT)
        answer = await self._store.submit(replace(request, input=reference))
        if answer.kind is not Submitted.ACCEPTED:
            with suppress(PayloadUnavailable):
                await self._payloads.drop_input(task_id)
        return answer

    @contextmanager
    def pending(self, task_id: str, wait_s: float) -> Iterator[PendingResult]:
        """Registers a wait.

        Enter it before the record is written, so that nothing announced in between is missed.
        """
        deadline = asyncio.get_running_loop().time() + wait_s
        with self._waiting.waiters.register(task_id) as news:
            yield PendingResult(task_id, news, deadline)

    async def end(self, answer: SubmitAnswer, pending: PendingResult) -> Record | None:
        """Waits for the end of a submitted request and returns its record.

        The record is as it stands when the time is over; None if the request was refused.

        Raises `WaitBroken` when the record was written and its end can't be told.
        """
        if answer.kind in REFUSED:
            return None
        if answer.task_id == pending.task_id:
            return await self._end_of(answer.task_id, pending.news, pending.deadline)
        with self._waiting.waiters.register(answer.task_id) as news:
            news.set()
            return await self._end_of(answer.task_id, news, pending.deadline)

    async def _end_of(self, task_id: str, event: asyncio.Event, deadline: float) -> Record:
        try:
            record = await self._waiting.until_final(task_id, event, deadline)
            if record is not None:
                return await self._payloads.whole(record)
        except (StoreUnavailable, PayloadUnavailable, PayloadGone) as error:
            raise WaitBroken(str(error), task_id) from error
        raise WaitBroken("the store no longer has this prediction", task_id)

    async def wait(self, task_id: str, wait_s: float) -> Record | None:
        """Returns the record once it has ended, or as it stands after `wait_s`.

        None for an id that is not known. Raises `PayloadUnavailable` or `PayloadGone` for a result
        that is kept elsewhere and can't be read.
        """
        if wait_s <= 0 or not model_of(task_id):
            return await self.read(task_id)
        deadline = asyncio.get_running_loop().time() + wait_s
        with self._waiting.waiters.register(task_id) as event:
            record = await self._store.watch(task_id, self._waiting.channel)
            self._waiting.waiters.saw(task_id, record)
            if record is not None and not record.final:
                record = await self._waiting.until_final(task_id, event, deadline)
        return await self._payloads.whole(record) if record else None

    async def read(self, task_id: str) -> Record | None:
        """Returns the record; None for an id never issued. Raises as `wait` does."""
        record = await self._store.watch(task_id, "") if model_of(task_id) else None
        return await self._payloads.whole(record) if record else None
