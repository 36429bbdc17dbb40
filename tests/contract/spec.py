"""The protocol as a program that makes every move on plain objects in memory.

It is written from docs/protocol.md and not from any store. It is run with the time that the store
under test answered, so that answers can be compared exactly.

The protocol leaves two things to the store: where in its millisecond a record stands in the order,
and how long a retry waits. There the store's choice is looked up in what it holds after the move,
tested against what is allowed, and adopted.
"""

from collections.abc import Callable

from inference.states import OUTSTANDING, State
from inference.store import messages
from tests.contract.snapshot import Move, StoreSnapshot
from tests.contract.spec_gateway import GatewayMoves
from tests.contract.spec_worker import WorkerMoves

WORKER_GONE_MS = 5_000
WORKER_LOST = b'{"type":"worker_lost","message":"the worker that ran it stopped answering"}'


class Spec(GatewayMoves, WorkerMoves):
    """All moves; `apply` makes one, `picture` is what a store must hold now."""

    def apply(self, now: int, move: Move, seen: StoreSnapshot) -> object:
        """Makes a move at a time of the store's; `seen` is what the store held afterwards."""
        self.now, self.seen, self.told, self.bad_runs = now, seen, [], []
        act: Callable[..., object] = getattr(self, move.name)
        return act(*move.args)

    def reap(self, model: str) -> messages.Reaped:
        """Reaps once for all gateways in half a period.

        After a pause every worker has a lease's time to renew.
        """
        del model
        period, age = self.limits.reaper_period_ms, self.now - self.stamp
        if self.stamp and 0 <= age < period / 2:
            return messages.Reaped(ran=False)
        if not self.stamp or not 0 <= age <= 2 * period:
            self.quiet_until = self.now + self.limits.lease_ms
        self.ahead += max(0, self.stamp - self.now) if self.stamp else 0
        self._cut()
        self._measure(age, period)
        self.stamp = self.now
        quiet = self.now < self.quiet_until
        reclaimed = 0 if quiet else self._reclaim()
        due = [task_id for task_id, at in self.dues.items() if at <= self.now]
        for task_id in due:
            self._become(task_id, State.WAITING)
        late = [
            i
            for i in self.among(State.WAITING)
            if 0 < self.records[i].starts_by <= self.now and not self.records[i].began
        ]
        for task_id in late:
            self._become(task_id, State.EXPIRED)
        forgotten, discarded = self._drop_old()
        self.posts = {
            name: post for name, post in self.posts.items() if post.seen > self.now - WORKER_GONE_MS
        }
        return messages.Reaped(
            True,
            quiet,
            reclaimed,
            len(due),
            len(late),
            forgotten,
            discarded,
            0,
            self._missing_tickets(),
            tuple(self.bad_runs),
        )

    def _cut(self) -> None:
        """What can't be so late but by a clock that was ahead."""
        lease, due = self.now + self.limits.lease_ms, self.now + self.limits.retry_cap_ms
        self.leases = {task_id: min(until, lease) for task_id, until in self.leases.items()}
        self.dues = {task_id: min(at, due) for task_id, at in self.dues.items()}
        for post in self.posts.values():
            post.seen = min(post.seen, self.now)

    def _measure(self, age: int, period: int) -> None:
        """Records ended in 10^9 s, smoothed over 30 runs; only while some waited both times."""
        backlog = int(bool(self.among(State.WAITING)) and not self.paused)
        if backlog and self.backlog and self.stamp and 0 < age <= 2 * period:
            seen = (self.ended - self.ended_before) * 10**12 // age
            self.rate = (self.rate * 29 + seen) // 30 if self.rate else seen
        self.ended_before, self.backlog = self.ended, backlog

    def _reclaim(self) -> int:
        leases = sorted((until, task_id) for task_id, until in self.leases.items())
        lost = [task_id for until, task_id in leases if until <= self.now]
        for task_id in lost:
            self._fail(task_id, WORKER_LOST, permanent=False, own=False)
        return len(lost)

    def _drop_old(self) -> tuple[int, int]:
        """Drops results, dead letters and tombstones past their time.

        A record that became a tombstone now stays one for its time.
        """
        forgotten = self._older(
            self.limits.result_ttl_ms, State.SUCCESS, State.CANCELLED, State.EXPIRED
        )
        discarded = self._older(self.limits.dead_letter_ttl_ms, State.FAILURE)
        for task_id in forgotten + discarded:
            self._entomb(task_id)
        while dead := sorted(
            self.among(State.FAILURE), key=lambda task_id: (self.records[task_id].ended, task_id)
        ):
            if (
                len(dead) <= self.limits.most_dead
                and self.bytes_of(State.FAILURE) <= self.limits.most_dead_bytes
            ):
                break
            self._entomb(dead[0])
            discarded.append(dead[0])
        for task_id in self._older(self.limits.tombstone_ttl_ms, State.FORGOTTEN):
            del self.records[task_id]
            self.idems = {key: told for key, told in self.idems.items() if told[0] != task_id}
        return len(forgotten), len(discarded)

    def _older(self, age_ms: int, *states: State) -> list[str]:
        return [
            task_id
            for task_id in self.among(*states)
            if self.records[task_id].ended <= self.now - age_ms
        ]

    def picture(self) -> StoreSnapshot:
        """All that a store must hold, with every index derived from the records."""
        rows = self.records
        names = (
            "tickets batch stamp ahead quiet_until repair_at repair_step "
            "ended ended_before backlog rate paused"
        )
        meta = {"waiting_rows": self.waiting_rows()} | {
            name: getattr(self, name) for name in names.split()
        }
        meta |= {"bytes": self.bytes_of(*OUTSTANDING), "dead_bytes": self.bytes_of(State.FAILURE)}
        return StoreSnapshot(
            records=rows,
            waiting=tuple(self.in_order()),
            running=self.leases,
            retry=self.dues,
            outstanding={i: row.created for i, row in rows.items() if row.outstanding},
            quarantined_ids=frozenset(self.quarantined_ids()),
            starts_by={
                i: row.starts_by
                for i, row in rows.items()
                if row.starts_by and row.outstanding and not row.began
            },
            ended={
                i: rows[i].ended for i in self.among(State.SUCCESS, State.CANCELLED, State.EXPIRED)
            },
            dead={i: rows[i].ended for i in self.among(State.FAILURE)},
            tombs={i: rows[i].ended for i in self.among(State.FORGOTTEN)},
            claims=self.claims,
            posts=self.posts,
            joins=self.joins,
            idems=self.idems,
            meta={name: value for name, value in meta.items() if value},
        )
