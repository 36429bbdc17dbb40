"""Predicting, whoever asks by which protocol.

A request that passed the checks becomes a record, its ticket is sent, and its end can be waited for.
"""

import asyncio
from collections.abc import Awaitable
from contextlib import suppress
from dataclasses import dataclass, replace

from app.contract.errors import PayloadGone, PayloadUnavailable, StoreUnavailable
from app.contract.gaps import Gap, reach
from app.contract.ids import model_of, new_task_id
from app.contract.moves import SubmitAnswer, Submitted
from app.contract.record import Record, Submission
from app.contract.store import GatewayStore
from app.payloads import LargePayloads
from app.registry import Registry
from app.request_check import Checked, digest
from app.tickets import TicketRounds
from app.waiting import ResultWaiter

REFUSED = (Submitted.CONFLICT, Submitted.FULL, Submitted.LATE)
"""Nothing was written, or joined."""

CLIENT = ""
"""Whose idempotency keys are meant; one for all until callers have names."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A request for a prediction that passed all checks."""

    checked: Checked
    body: bytes | bytearray = b""
    """The request as it came, where that is what is kept of its input: `keeps_body` says so."""
    idempotency_key: str = ""
    fresh: bool = False
    trace_id: str = ""


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
        priority_step_s: float,
    ) -> None:
        self._payloads = payloads
        self._priority_step_s = priority_step_s
        self._store = store
        self._tickets = tickets
        self._waiting = waiting
        self._registry = registry

    @property
    def stopping(self) -> bool:
        """Whether the gateway is about to end, so that waits end early."""
        return self._waiting.stopping

    def prepare(self, asked: Asked, waited_for: bool, longest_wait_s: float = 0) -> Submission:
        """Makes the record to write, and its id, so that a store that fails can be asked for that id.

        With `longest_wait_s` the store may refuse what by the measured rate would take longer.
        """
        checked, key = asked.checked, asked.idempotency_key
        return Submission(
            task_id=new_task_id(checked.model),
            model=checked.model,
            input=bytes(asked.body) or checked.input,
            entity_key=checked.entity_key,
            join_key=checked.join_digest,
            join_version=self._registry.models[checked.model].version,
            fresh=asked.fresh,
            idempotency_key=digest(CLIENT, checked.model, key) if key else "",
            body_digest=checked.body_digest if key else "",
            listener=self._waiting.channel if waited_for else "",
            head_start_ms=round(checked.priority * self._priority_step_s * 1000),
            time_to_start_ms=max(1, round(checked.time_to_start_s * 1000)) if checked.time_to_start_s else 0,
            trace_id=asked.trace_id,
            longest_wait_ms=round(longest_wait_s * 1000),
        )

    def keeps_body(self, size: int) -> bool:
        """Whether a body of so many bytes is itself kept as the input: a worker takes from it what it needs."""
        return self._payloads.takes(size)

    async def submit(self, submission: Submission) -> SubmitAnswer:
        """Writes the record down, or joins; a large input goes before it. Raises `StoreUnavailable`, `PayloadUnavailable`."""
        reach(Gap.ASKED)
        large = self._payloads.takes(len(submission.input))
        answer = await (self._submit_large(submission) if large else self._store.submit(submission))
        reach(Gap.WRITTEN)
        self._tickets.need(submission.model, answer.tickets)
        return answer

    async def _submit_large(self, submission: Submission) -> SubmitAnswer:
        """Where the outcome is unknown the input stays: the record may be there, and if not the sweep takes it."""
        task_id = submission.task_id
        reference = await self._payloads.keep_input(task_id, submission.input)
        reach(Gap.INPUT_KEPT)
        answer = await self._store.submit(replace(submission, input=reference))
        if answer.kind is not Submitted.ACCEPTED:
            with suppress(PayloadUnavailable):
                await self._payloads.drop_input(task_id)
        return answer

    async def submit_and_wait(
        self, task_id: str, submitting: Awaitable[SubmitAnswer], wait_s: float
    ) -> tuple[SubmitAnswer, Record | None]:
        """Submits and waits for the end; the record is as it stands when the time is over, None after a conflict.

        Takes `submit`'s promise and not the submission, so that no input is held while its end is waited for. The wait is
        registered before the record is written, so nothing announced in between is missed. Raises `WaitBroken` when the record
        was written and its end can't be told.
        """
        deadline = asyncio.get_running_loop().time() + wait_s
        with self._waiting.waiters.register(task_id) as event:
            answer = await submitting
            if answer.kind in REFUSED:
                return answer, None
            if answer.task_id == task_id:
                return answer, await self._end_of(answer.task_id, event, deadline)
        with self._waiting.waiters.register(answer.task_id) as event:
            event.set()
            return answer, await self._end_of(answer.task_id, event, deadline)

    async def _end_of(self, task_id: str, event: asyncio.Event, deadline: float) -> Record:
        try:
            record = await self._waiting.until_final(task_id, event, deadline)
            if record is not None:
                return await self._payloads.whole(record)
        except (StoreUnavailable, PayloadUnavailable, PayloadGone) as error:
            raise WaitBroken(str(error), task_id) from error
        raise WaitBroken("the store no longer has this prediction", task_id)

    async def wait(self, task_id: str, wait_s: float) -> Record | None:
        """Returns the record once it has ended, or as it stands after `wait_s`; None for an id that is not known.

        Raises `PayloadUnavailable` or `PayloadGone` for a result that is kept elsewhere and can't be read.
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
