"""The rules that no move may break, whatever the specification says.

They are judged from the moves that were sent, and from the store before and after. The ledger
trusts no field of a record that it can know better from the moves themselves: how many records a
claim named, and which were begun.
"""

import math
from dataclasses import dataclass
from typing import Any

from inference.limits import Limits
from inference.records import PredictionRequest
from inference.states import Pause, State
from inference.store.messages import (
    ALL,
    ClaimAnswer,
    ClaimStatus,
    Outcome,
    OutcomeKind,
    Reaped,
    RenewAnswer,
    SubmitAnswer,
    Submitted,
)
from tests.contract.findings import Finding
from tests.contract.indexes import indexes
from tests.contract.purge_rules import judge_purge
from tests.contract.snapshot import Move, Row, StoreSnapshot


@dataclass(frozen=True)
class Step:
    """One move made, with its time, answer and sender, and the store before and after.

    The time is that of the store's clock.
    """

    now: int
    move: Move
    answer: Any
    delivery: int
    before: StoreSnapshot
    after: StoreSnapshot

    def changed(self) -> list[tuple[str, Row, Row]]:
        """The records that were there before and went through a move."""
        both = ((i, old, self.after.records.get(i)) for i, old in self.before.records.items())
        return [(i, old, new) for i, old, new in both if new is not None and new.seq != old.seq]


class Invariants:
    """Remembers what was granted and begun, and looks at every step."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._named: dict[str, tuple[str, ...]] = {}
        self._begun: set[tuple[str, str]] = set()
        self._given: dict[tuple[str, int], int] = {}
        self._ran: dict[str, tuple[int, int]] = {}
        """How long each claim that began has run, and when it was last heard of."""
        self._last_reap = -1
        self._calm_from = 0

    def look(self, step: Step) -> None:
        """Raises a `Finding` for the first thing that must not be."""
        indexes(step.after)
        # A submission that arrives when its record was forgotten makes another record, whose
        # numbers begin anew.
        self._given = {
            hold: to for hold, to in self._given.items() if hold[0] in step.after.records
        }
        self._final_is_final(step)
        self._fence(step)
        self._paused(step)
        if step.move.name == "purge":
            judge_purge(step, step.move.args[1])
        if step.move.name == "claim" and step.answer.kind is ClaimStatus.GRANTED:
            self._granted(step, step.move.args[0].claim_id, step.answer)
        if step.move.name == "claim" and step.answer.kind is ClaimStatus.WAIT:
            self._waits(step)
        if step.move.name == "begin":
            self._begun |= {(step.move.args[1], task_id) for task_id in step.answer}
            if step.answer:
                self._ran.setdefault(step.move.args[1], (0, step.now))
        if step.move.name == "renew" and step.move.args[1] in self._ran:
            self._runs(step, step.move.args[1], step.move.args[2], step.answer)
        if step.move.name == "submit":
            self._admission(step, step.move.args[0], step.answer)
            self._joined(step, step.move.args[0], step.answer)
        if step.move.name == "reap":
            self._reclaimed(step, step.answer)
            self._dropped(step)
        self._charges(step)
        self._order(step)

    def _paused(self, step: Step) -> None:
        started = [i for i, _, new in step.changed() if new.state is State.RUNNING]
        if started and step.before.meta.get("paused"):
            raise Finding("a record of a paused model was started", started)
        more = len(step.after.records) > len(step.before.records)
        if more and step.before.meta.get("paused") == Pause.REFUSE:
            raise Finding("a paused model took what it refuses", step.move)

    def _final_is_final(self, step: Step) -> None:
        for task_id, old in step.before.records.items():
            new = step.after.records.get(task_id)
            if new is None and old.state is not State.FORGOTTEN:
                raise Finding("a record vanished", task_id)
            if new is None or not old.final or new.seq == old.seq:
                continue
            replayed = (
                step.move == Move("replay", (task_id, old.epoch))
                and old.state is State.FAILURE
                and new.epoch == old.epoch + 1
            )
            if new.state is not State.FORGOTTEN and not replayed:
                raise Finding(
                    "a final state was left", f"{task_id} went from {old} to {new} by {step.move}"
                )

    def _fence(self, step: Step) -> None:
        if step.move.name not in ("settle", "begin", "renew"):
            return
        for task_id, old in step.before.records.items():
            same = step.after.records.get(task_id) == old and step.after.running.get(
                task_id
            ) == step.before.running.get(task_id)
            if not same and old.claim != step.move.args[1]:
                raise Finding(
                    "a write went through without its claim", f"{step.move} on {task_id}: {old}"
                )

    def _granted(self, step: Step, claim_id: str, answer: ClaimAnswer) -> None:
        ids = tuple(record.task_id for record in answer.records)
        if self._named.setdefault(claim_id, ids) != ids:
            raise Finding(
                "a claim sent again got other records", f"{self._named[claim_id]}, then {ids}"
            )
        for record in answer.records:
            if record.input is not None:
                hold = (record.task_id, step.after.records[record.task_id].seq)
                if self._given.setdefault(hold, step.delivery) != step.delivery:
                    raise Finding("a record is in two living claims", record.task_id)

    def _waits(self, step: Step) -> None:
        """A fuller batch is waited for only with records that are known to be young."""
        first = step.after.records[step.after.waiting[0]] if step.after.waiting else None
        if first is not None and first.created > step.now and not first.starts_by:
            raise Finding("a batch waits for a clock that stepped back", step.after.waiting[0])

    def _runs(self, step: Step, claim_id: str, limit_ms: int, answer: RenewAnswer) -> None:
        """A run's time is what passed between renewals, each at most a lease."""
        ran, heard = self._ran[claim_id]
        ran += max(0, min(step.now - heard, self._limits.lease_ms))
        self._ran[claim_id] = (ran, step.now)
        if answer.refused != (ran > limit_ms):
            raise Finding(
                "a run limit told wrongly", f"{ran} ms of {limit_ms}, refused: {answer.refused}"
            )

    def _admission(self, step: Step, submission: PredictionRequest, answer: SubmitAnswer) -> None:
        held, limits = step.before.outstanding, self._limits
        size = sum(len(step.before.records[i].input or b"") for i in held) + len(submission.input)
        room = len(held) < limits.most_outstanding and (
            not held or size <= limits.most_outstanding_bytes
        )
        if not room and len(step.after.records) > len(step.before.records):
            raise Finding("more is outstanding than may be", len(held))
        if room and answer.kind is Submitted.FULL:
            raise Finding("refused although there was room", submission)
        if answer.kind is Submitted.LATE and not any(
            post.seen >= step.now - 5_000 for post in step.before.posts.values()
        ):
            raise Finding("refused by an estimate while no worker lives", submission)

    def _joined(self, step: Step, submission: PredictionRequest, answer: SubmitAnswer) -> None:
        """A record that a submission joins serves as well as one of its own would.

        Records that are joined by an idempotency key are not judged.
        """
        told, _ = step.before.idems.get(submission.idempotency_key, ("", ""))
        old = step.before.records.get(answer.task_id)
        if (
            answer.kind is not Submitted.JOINED
            or told in step.before.records
            or old is None
            or not old.outstanding
        ):
            return
        own = step.now + submission.time_to_start_ms if submission.time_to_start_ms else math.inf
        if not old.began and (old.starts_by or math.inf) < own:
            raise Finding("a join to what may expire sooner", f"{submission}: {old}")
        place = (step.now + 1 + step.before.meta.get("ahead", 0) - submission.head_start_ms) * 1000
        if step.after.records[answer.task_id].order >= place:
            raise Finding("a joiner stands behind its own place", f"{submission}: {old}")

    def _order(self, step: Step) -> None:
        """Nothing that is outstanding goes back in the order."""
        for task_id, old in step.before.records.items():
            new = step.after.records.get(task_id)
            if new is not None and new.outstanding and new.order > old.order:
                raise Finding(
                    "a record was put back in the order",
                    f"{task_id} by {step.move}: from {old.order} to {new.order}",
                )

    def _dropped(self, step: Step) -> None:
        """What went among the dead letters was the oldest."""
        went = [(old.ended, i) for i, old, new in step.changed() if old.state is State.FAILURE]
        # As they are now: one of them may have died in this very step.
        kept = [(ended, i) for i, ended in step.after.dead.items()]
        if went and kept and max(went) > min(kept):
            raise Finding("a dead letter went before an older one", f"{went}, and not {kept}")

    def _reclaimed(self, step: Step, answer: Reaped) -> None:
        lost = [(i, old) for i, old, new in step.changed() if old.state is State.RUNNING]
        if answer.drift:
            raise Finding(
                "outstanding is not what the records say", f"the reaper corrected {answer.drift}"
            )
        period = self._limits.reaper_period_ms
        if answer.ran:
            if self._last_reap < 0 or not 0 <= step.now - self._last_reap <= 2 * period:
                self._calm_from = step.now + self._limits.lease_ms
            self._last_reap = step.now
        for task_id, _ in lost:
            if step.now < self._calm_from:
                raise Finding("a reclaim right after a pause", task_id)
            if step.before.running[task_id] > step.now:
                raise Finding("a reclaim of a claim that had renewed", task_id)

    def _charges(self, step: Step) -> None:
        due = self._due(step)
        for task_id, old in step.before.records.items():
            new = step.after.records.get(task_id)
            if new is None or new.state is State.FORGOTTEN or new.epoch != old.epoch:
                continue
            charged, owed, deserved = new.attempts - old.attempts, *due.get(task_id, (0, False))
            if charged > owed:
                raise Finding("an innocent was charged", f"{task_id} by {step.move}: {old}")
            if charged < owed:
                raise Finding(
                    "a failure of its own was not charged", f"{task_id} by {step.move}: {old}"
                )
            if (
                new.state is State.FAILURE
                and old.state is not State.FAILURE
                and not deserved
                and new.attempts != self._limits.max_attempts
            ):
                raise Finding("a dead letter before its last attempt", task_id)
            if new.outstanding and new.attempts >= self._limits.max_attempts:
                raise Finding("a record goes on beyond its last attempt", task_id)

    def _due(self, step: Step) -> dict[str, tuple[int, bool]]:
        """Returns the cost of the failure for each record that failed in this step.

        The flag says whether the failure may end the record at once.
        """
        failed: list[tuple[str, Outcome]] = []
        if step.move.name == "settle":
            claim_id, outcomes = step.move.args[1], step.move.args[2]
            for outcome in outcomes:
                ids = (
                    self._named.get(claim_id, ()) if outcome.task_id == ALL else (outcome.task_id,)
                )
                failed += [(task_id, outcome) for task_id in ids]
        elif step.move.name == "reap":
            failed = [
                (i, Outcome(i, OutcomeKind.FAIL))
                for i, old, _ in step.changed()
                if old.state is State.RUNNING
            ]
        costs: dict[str, tuple[int, bool]] = {}
        for task_id, outcome in failed:
            if task_id not in costs:
                costs[task_id] = self._cost(step, task_id, outcome)
        return costs

    def _cost(self, step: Step, task_id: str, outcome: Outcome) -> tuple[int, bool]:
        old = step.before.records.get(task_id)
        claim_id = step.move.args[1] if step.move.name == "settle" else old.claim if old else ""
        if (
            old is None
            or old.state is not State.RUNNING
            or old.claim != claim_id
            or (claim_id, task_id) not in self._begun
        ):
            return 0, False
        if outcome.verb not in (OutcomeKind.FAIL, OutcomeKind.FAIL_FOR_GOOD):
            return 0, False
        alone, permanent = (
            len(self._named[claim_id]) == 1,
            outcome.verb is OutcomeKind.FAIL_FOR_GOOD,
        )
        return int(alone or (outcome.own and not permanent)), permanent and (alone or outcome.own)
