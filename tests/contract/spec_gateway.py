"""The moves of gateways in the specification."""

import json
import math

from inference.records import PredictionRequest, Record
from inference.states import OUTSTANDING, Pause, State
from inference.store import messages
from inference.store.messages import Submitted, WorkerState
from inference.store.purged import Purged
from tests.contract.snapshot import Row
from tests.contract.spec_rows import NotAllowed, Rows

PURGED = b'{"type":"purged","message":"an operator purged the queue"}'


class GatewayMoves(Rows):
    """See `GatewayStore`."""

    def submit(self, s: PredictionRequest) -> messages.SubmitAnswer:
        if s.task_id in self.records:
            return self._stands(Submitted.ACCEPTED, s.task_id, s)
        owner, digest = self.idems.get(s.idempotency_key, ("", ""))
        if owner in self.records and digest != s.body_digest:
            row = self.records[owner]
            return messages.SubmitAnswer(
                Submitted.CONFLICT, owner, row.state, row.seq, self._missing_tickets()
            )
        known = owner in self.records
        twin = owner if known else self._twin(s)
        if not twin and (refusal := self._refusal(s)):
            return refusal
        if not twin:
            self._create(s)
        elif not known:
            self._move_up(twin, s)
        if s.idempotency_key:
            self.idems[s.idempotency_key] = (twin or s.task_id, s.body_digest)
        return self._stands(Submitted.JOINED if twin else Submitted.ACCEPTED, twin or s.task_id, s)

    def _refusal(self, s: PredictionRequest) -> messages.SubmitAnswer | None:
        """Refuses a submission that is too much in records or in bytes, or would be too late.

        By the measured rate it would be too late for a caller who waits.
        """
        if self.paused == Pause.REFUSE:
            return messages.SubmitAnswer(Submitted.PAUSED, s.task_id, State.WAITING, 0, 0, -1)
        count, held = len(self.among(*OUTSTANDING)), self.bytes_of(*OUTSTANDING)
        over, bytes_over = (
            count + 1 - self.limits.most_outstanding,
            held + len(s.input) - self.limits.most_outstanding_bytes,
        )
        if bytes_over > 0 and count:
            over = max(over, math.ceil(bytes_over * count / max(held, 1)))
        if over > 0:
            return messages.SubmitAnswer(
                Submitted.FULL, s.task_id, State.WAITING, 0, 0, self._ms_for(over)
            )
        wait = self._ms_for(count)
        if 0 < s.longest_wait_ms < wait and self.among(State.WAITING):
            return messages.SubmitAnswer(
                Submitted.LATE, s.task_id, State.WAITING, 0, 0, wait - s.longest_wait_ms
            )
        return None

    def _ms_for(self, records: int) -> int:
        """By the measured rate; -1 where there is none, or nobody works at it."""
        lives = any(post.seen >= self.now - 5_000 for post in self.posts.values())
        return math.ceil(records * 10**12 / self.rate) if self.rate and lives else -1

    def _twin(self, s: PredictionRequest) -> str:
        twin = self.joins.get(s.join_key, "")
        if s.fresh or not twin:
            return ""
        row = self.records[twin]
        if row.state is State.SUCCESS:
            return twin if row.version == s.join_version else ""
        return twin if row.outstanding and self._expires_no_sooner(row, s) else ""

    def _expires_no_sooner(self, row: Row, s: PredictionRequest) -> bool:
        """Whether the record lives at least as long as one made of the submission would."""
        if row.began or not row.starts_by:
            return True
        return bool(s.time_to_start_ms) and row.starts_by >= self.now + s.time_to_start_ms

    def _move_up(self, task_id: str, s: PredictionRequest) -> None:
        """A joiner's place, if it is better, becomes the record's."""
        row = self.records[task_id]
        old, new = row.order, self.seen.records[task_id].order
        joiners, olds, news = (
            self.now + self.ahead,
            self._submitted(old, s),
            self._submitted(new, s),
        )
        moved = new < old and news == joiners
        if row.outstanding and not moved and (new != old or olds > joiners):
            raise NotAllowed(
                f"{task_id} stands at {new} in the order after a join, and stood at {old}"
            )
        row.order = new if row.outstanding else old

    @staticmethod
    def _submitted(order: int, s: PredictionRequest) -> int:
        """Returns when a submission with that head start was made, in milliseconds.

        It follows from the submission's number in the order.
        """
        return (order + s.head_start_ms * 1000) // 1000

    def _create(self, s: PredictionRequest) -> None:
        order = self.seen.records[s.task_id].order
        if self._submitted(order, s) != self.now + self.ahead:
            raise NotAllowed(f"{s.task_id} stands at {order} in the order, submitted at {self.now}")
        self.records[s.task_id] = Row(
            State.WAITING,
            seq=1,
            order=order,
            created=self.now,
            rows=s.rows,
            starts_by=self.now + s.time_to_start_ms if s.time_to_start_ms else 0,
            join=s.join_key,
            match_id="" if s.entity_key is None else str(s.entity_key),
            input=s.input,
            since=self.now,
            trace=s.trace,
            request_id=s.request_id,
        )
        if s.listener:
            self.told.append((s.listener, s.task_id, 1, State.WAITING.value))
        if s.join_key:
            self.joins[s.join_key] = s.task_id

    def _stands(self, kind: Submitted, task_id: str, s: PredictionRequest) -> messages.SubmitAnswer:
        """Returns the answer for the record that stands for the request.

        The request's gateway listens to that record from now on.
        """
        row = self.records[task_id]
        self._listen(row, s.listener)
        return messages.SubmitAnswer(
            kind,
            task_id,
            row.state,
            row.seq,
            self._missing_tickets(),
            trace=row.trace if kind is Submitted.JOINED else None,
        )

    def _listen(self, row: Row, channel: str) -> None:
        if row.outstanding and channel:
            row.listeners |= {channel}

    def watch(self, task_id: str, channel: str) -> Record | None:
        if task_id not in self.records:
            return None
        self._listen(self.records[task_id], channel)
        return self._view(task_id)

    def _view(self, task_id: str) -> Record:
        row = self.records[task_id]
        tomb = row.state is State.FORGOTTEN
        place = self.in_order().index(task_id) if row.state is State.WAITING else None
        starts_in_ms = -1 if place is None else self._ms_for(place + 1)
        return Record(
            task_id=task_id,
            state=row.state,
            sequence=row.seq,
            epoch=row.epoch,
            attempts=row.attempts,
            entity_key=int(row.match_id) if row.match_id else None,
            created_ms=row.created,
            begun_ms=row.begun,
            ended_ms=0 if tomb else row.ended,
            run_ms=row.run_ms,
            version=row.version,
            result=json.loads(row.result) if row.result else None,
            error=json.loads(row.error) if row.error else None,
            trace=row.trace,
            request_id=row.request_id,
            position=place,
            starts_in_ms=None if starts_in_ms < 0 else starts_in_ms,
        )

    def cancel(self, task_id: str) -> messages.Cancelled | None:
        if task_id not in self.records:
            return None
        if self.records[task_id].outstanding:
            self._become(task_id, State.CANCELLED)
        return messages.Cancelled(
            self._view(task_id), self.records[task_id].state is State.CANCELLED
        )

    def replay(self, task_id: str, epoch: int) -> messages.Replayed:
        row = self.records.get(task_id)
        if row is None or row.state is State.FORGOTTEN:
            return messages.Replayed(0, 0)
        if row.epoch == epoch and row.state is State.FAILURE:
            row.epoch, row.attempts, row.quarantined, row.error, row.ended = (
                epoch + 1,
                0,
                False,
                None,
                0,
            )
            self._become(task_id, State.WAITING)
        elif row.epoch != epoch + 1:
            return messages.Replayed(0, 0)
        return messages.Replayed(row.epoch, self._missing_tickets())

    def discard_dead_letter(self, task_id: str) -> bool:
        row = self.records.get(task_id)
        if row is not None and row.state is State.FAILURE:
            self._entomb(task_id)
        return row is not None and self.records[task_id].state is State.FORGOTTEN

    def tickets_published(self, model: str, published: int) -> int:
        del model
        self.tickets += published
        return self._missing_tickets()

    def counts(self, model: str) -> messages.QueueCounts:
        del model
        order = self.in_order()
        return messages.QueueCounts(
            waiting=len(order),
            running=len(self.among(State.RUNNING)),
            retry=len(self.among(State.RETRY)),
            outstanding=len(self.among(*OUTSTANDING)),
            oldest_waiting_ms=max(0, self.now - self.records[order[0]].created) if order else 0,
            dead_letters=len(self.among(State.FAILURE)),
            tickets=self.tickets,
            drift=0,
            outstanding_bytes=self.bytes_of(*OUTSTANDING),
            dead_letter_bytes=self.bytes_of(State.FAILURE),
            rate=self.rate,
            paused=Pause(self.paused),
        )

    def pause(self, model: str, pause: Pause) -> messages.Paused:
        del model
        self.paused = int(pause)
        return messages.Paused(self._missing_tickets())

    def purge(self, model: str, before_ms: int) -> Purged:
        del model
        waits = sorted(
            (self.records[task_id].created, task_id)
            for task_id in self.among(State.WAITING, State.RETRY)
            if self.records[task_id].created <= (before_ms or self.now)
        )
        for _, task_id in waits if before_ms else ():
            self.records[task_id].error = PURGED
            self._become(task_id, State.CANCELLED)
            self.ended_before += 1
        more = bool(waits) and not before_ms
        return Purged(before_ms or self.now, 0 if more else len(waits), more)

    def workers(self, model: str) -> tuple[messages.WorkerInfo, ...]:
        del model
        posts = sorted(self.posts.items(), key=lambda item: (item[1].seen, item[0]))
        return tuple(
            messages.WorkerInfo(
                n, WorkerState(p.state), p.version, p.since, p.batch, p.problem, p.identity
            )
            for n, p in posts
        )
