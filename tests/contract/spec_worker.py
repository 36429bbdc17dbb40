"""The moves of workers in the specification."""

from collections.abc import Sequence

from inference.states import State
from inference.store import messages
from inference.store.messages import (
    ALL,
    STALE,
    ClaimRequest,
    ClaimStatus,
    HeartbeatRequest,
    LeaseStatus,
    Outcome,
    OutcomeKind,
    WorkerState,
)
from tests.contract.snapshot import Memory, Post
from tests.contract.spec_rows import Rows

MAX_BACKOFF_MS = 30_000


class WorkerMoves(Rows):
    """See `WorkerStore`."""

    def claim(self, ask: ClaimRequest) -> messages.ClaimAnswer:
        memory = self.claims.get(ask.claim_id)
        if memory is None:
            self.tickets = max(0, self.tickets - 1)
        elif memory.status == "granted":
            return self._granted(ask)
        elif memory.status == "nothing":
            return messages.ClaimAnswer(ClaimStatus.NOTHING)
        elif memory.status == "closed":
            return messages.ClaimAnswer(
                ClaimStatus.NOTHING, tickets=self.missing_tickets(ask.batch_rows)
            )
        batch, full = self._batch(ask.batch_rows) if not self.paused else ([], False)
        age = max((self._waited(task_id, ask.max_batch_wait_ms) for task_id in batch), default=0)
        if not batch:
            self.claims[ask.claim_id] = Memory("nothing")
            return messages.ClaimAnswer(ClaimStatus.NOTHING)
        if not full and age < ask.max_batch_wait_ms:
            self.claims[ask.claim_id] = Memory("asking")
            wait = ask.max_batch_wait_ms - age
            return messages.ClaimAnswer(
                ClaimStatus.WAIT, wait_ms=wait, tickets=self.missing_tickets(ask.batch_rows)
            )
        for task_id in batch:
            row = self._become(task_id, State.RUNNING)
            row.claim, row.named, row.worker = ask.claim_id, len(batch), ask.worker_id
            self.leases[task_id] = self.now + self.limits.lease_ms
        self.claims[ask.claim_id] = Memory("granted", tuple(batch))
        self.repair_at = self.repair_step = 0
        return self._granted(ask)

    def _waited(self, task_id: str, enough: int) -> int:
        """Returns how long the record has waited, or `enough` if nobody can know.

        Nobody can know it of a record that the clock says is yet to be submitted.
        """
        waited = self.now - self.records[task_id].created
        return waited if waited >= 0 else enough

    def _batch(self, most: int) -> tuple[list[str], bool]:
        """What would be claimed now, and whether waiting longer could not make it fuller."""
        able = []
        for task_id in self.in_order():
            row = self.records[task_id]
            if row.began or not 0 < row.starts_by <= self.now:
                able.append(task_id)
        if able and self.records[able[0]].quarantined:
            return able[:1], True
        batch: list[str] = []
        rows = 0
        for task_id in able:
            row = self.records[task_id]
            if row.quarantined or (batch and rows + row.rows > most):
                return batch, True
            batch.append(task_id)
            rows += row.rows
            if rows >= most:
                return batch, True
        return batch, False

    def _granted(self, ask: ClaimRequest) -> messages.ClaimAnswer:
        """An input only for what the claim still holds."""
        granted = []
        for task_id in self.claims[ask.claim_id].ids:
            row = self.records.get(task_id)
            if row is None or not self._held(task_id, ask.claim_id):
                granted.append(messages.ClaimedRecord(task_id, None, row.rows if row else 0))
                continue
            waited = max(0, self.now - row.since)
            granted.append(
                messages.ClaimedRecord(
                    task_id,
                    row.input,
                    row.rows,
                    age_ms=max(0, self.now - row.created),
                    epoch=row.epoch,
                    fresh=not row.began,
                    waited_ms=waited,
                    attempts=row.attempts,
                    trace=row.trace,
                    request_id=row.request_id,
                )
            )
        return messages.ClaimAnswer(
            ClaimStatus.GRANTED, tuple(granted), 0, self.missing_tickets(ask.batch_rows)
        )

    def begin(self, model: str, claim_id: str, task_ids: Sequence[str]) -> tuple[str, ...]:
        del model
        held = tuple(task_id for task_id in task_ids if self._held(task_id, claim_id))
        for task_id in held:
            row, memory = self.records[task_id], self.claims[claim_id]
            row.begun, row.began = row.begun or self.now, True
            memory.begun = memory.begun or row.begun
        return held

    def renew(self, model: str, claim_id: str, limit_ms: int) -> messages.RenewAnswer:
        del model
        memory = self.claims.get(claim_id)
        if memory is None or memory.status == "asking":
            return messages.RenewAnswer(LeaseStatus.NOT_YET)
        held = tuple(task_id for task_id in memory.ids if self._held(task_id, claim_id))
        if memory.begun:
            passed = self.now - (memory.renewed or memory.begun)
            memory.begun += passed - max(0, min(passed, self.limits.lease_ms))
            memory.renewed = self.now
        refused = memory.begun > 0 and self.now > memory.begun + limit_ms
        if not refused:
            self.leases |= dict.fromkeys(held, self.now + self.limits.lease_ms)
        by_others = [
            task_id for task_id in memory.ids if task_id not in held and task_id not in memory.words
        ]
        kind = LeaseStatus.HELD if held else LeaseStatus.LOST if by_others else LeaseStatus.ENDED
        return messages.RenewAnswer(
            kind, held, refused, self.now - memory.begun if memory.begun else None
        )

    def settle(
        self, model: str, claim_id: str, outcomes: Sequence[Outcome], version: str
    ) -> messages.SettleAnswer:
        """Settles records; ALL also closes a claim that has not arrived, or that waits.

        Nobody is there to run the records that such a claim would get.
        """
        del model
        words: dict[str, str] = {}
        for outcome in outcomes:
            memory = self.claims.get(claim_id)
            if outcome.task_id != ALL:
                words[outcome.task_id] = self._settled(claim_id, outcome.task_id, outcome, version)
            elif memory is None or memory.status == "asking":
                self.claims[claim_id] = Memory("closed")
            else:
                words |= {
                    task_id: self._settled(claim_id, task_id, outcome, version)
                    for task_id in memory.ids
                }
        return messages.SettleAnswer(words, self._missing_tickets(), tuple(self.bad_runs))

    def _settled(self, claim_id: str, task_id: str, outcome: Outcome, version: str) -> str:
        memory = self.claims.get(claim_id)
        if memory is not None and task_id in memory.words:
            return memory.words[task_id]
        if memory is None or not self._held(task_id, claim_id):
            if memory is not None and memory.status == "granted":
                memory.words[task_id] = STALE
            return STALE
        row = self.records[task_id]
        if outcome.verb is OutcomeKind.FINISH:
            row.result, row.error, row.version, row.run_ms = (
                outcome.payload,
                None,
                version,
                outcome.run_ms,
            )
            word = self._become(task_id, State.SUCCESS).state
        elif outcome.verb is OutcomeKind.HAND_BACK:
            word = self._become(task_id, State.WAITING).state
        else:
            word = self._fail(
                task_id,
                outcome.payload,
                outcome.verb is OutcomeKind.FAIL_FOR_GOOD,
                outcome.own,
                version,
            )
        memory.words[task_id] = word.value
        return word.value

    def heartbeat(self, beat: HeartbeatRequest) -> messages.HeartbeatAnswer:
        waiting = 0 if self.paused else len(self.among(State.WAITING))
        before = self.posts.pop(beat.worker_id, None)
        if beat.state is WorkerState.GONE:
            return messages.HeartbeatAnswer(waiting, 0)
        my_turn = self._turn(beat)
        changed = before is None or before.state != beat.state.value
        since = self.now if before is None or changed else before.since
        counts = beat.state is WorkerState.IDLE and waiting > 0
        beats = (before.idle_beats if before else 0) + 1 if counts else 0
        self.posts[beat.worker_id] = Post(
            beat.state.value,
            beat.version,
            beat.batch_rows,
            since,
            self.now,
            beats,
            beat.problem,
            beat.identity,
        )
        self.batch = beat.batch_rows
        if beat.state is WorkerState.IDLE and changed:
            self.repair_at = self.repair_step = 0
        backing_off = self.now < self.repair_at <= self.now + MAX_BACKOFF_MS
        if beats < 2 or backing_off:
            return messages.HeartbeatAnswer(waiting, 0, my_turn)
        self.repair_step = (
            min(2 * self.repair_step, MAX_BACKOFF_MS) if self.repair_step else beat.period_ms
        )
        self.repair_at = self.now + self.repair_step
        self.tickets = sum(post.state == WorkerState.IDLE for post in self.posts.values())
        return messages.HeartbeatAnswer(waiting, self.tickets, my_turn)

    def _turn(self, beat: HeartbeatRequest) -> bool:
        """Whether this worker may leave its version, which one worker at a time does.

        The turn is over when the worker wants no other version and is not loading.
        """
        free = not self.turn or self.turn == beat.worker_id or self.turn not in self.posts
        if beat.wants and free:
            self.turn = beat.worker_id
        elif self.turn == beat.worker_id and beat.state is not WorkerState.LOADING:
            self.turn = ""
        return bool(beat.wants) and free
