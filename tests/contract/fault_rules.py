"""The rest of the machine's rules, and the end that everything must come to.

The rules are about time, reapers, the broker, and moves that arrive late.
"""

import sys

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from inference.states import Pause
from inference.store.messages import ALL, Outcome, OutcomeKind, WorkerState
from tests.contract.findings import Finding
from tests.contract.harness import MODEL, RUN_LIMIT_MS
from tests.contract.machine import PICKS
from tests.contract.snapshot import Move
from tests.contract.worker_rules import VERBS, WORKERS, WorkerRules

JUMPS = st.sampled_from(
    [-3_600_000, -30_000, -3_000, -400, 400, 600, 1_500, 2_500, 4_500, 61_000, 200_000, 3_600_000]
)
MOST_ROUNDS_TO_THE_END = 60


class FaultRules(WorkerRules):
    """A whole life; see `StoreStateMachine`."""

    @rule(milliseconds=JUMPS)
    def jump(self, milliseconds: int) -> None:
        self.stage.store.clock.offset_ms += milliseconds

    @rule(worker=WORKERS, by=st.sampled_from([-3_600_000, 3_600_000]))
    def clock_steps(self, worker: int, by: int) -> None:
        """By an hour: under a run, and over what waits for a fuller batch."""
        running = self._parent(worker, busy=False)
        if running is not None:
            self.stage.take(running)
            running.claim()
            if running.current is not None:
                running.begin()
        self._submit(input=b'"plain"')
        self.stage.store.clock.offset_ms += by
        if running is not None and running.current is not None:
            running.renew(RUN_LIMIT_MS)
        if parent := self._parent(worker, busy=False):
            self.stage.take(parent)
            parent.claim(2_000)

    @rule()
    def rush(self) -> None:
        """More is submitted than the backlog takes."""
        for _ in range(
            self.stage.store.limits.most_outstanding + 1 - len(self.stage.seen.outstanding)
        ):
            self._submit(input=b"1")

    @rule()
    def more_die_than_are_kept(self) -> None:
        """One after the other, so that one of them is the oldest."""
        for _ in range(self.stage.store.limits.most_dead + 1):
            self._submit(input=b"1")
            self.fails_for_good(1)
            self.stage.pass_seconds(1)

    @rule(rounds=st.integers(2, 3))
    def all_workers_leave(self, rounds: int) -> None:
        """All workers fall silent, and then a caller submits and would wait.

        The workers had a pace while something waited.
        """
        for _ in range(rounds):
            self._submit(input=b"1")
            self._submit(input=b"1")
            self.stage.beat(self.stage.parents[0], WorkerState.IDLE)
            self.work(0)
            self.stage.pass_seconds(1)
        self.stage.pass_seconds(6)
        self._submit(input=b"1", longest_wait_ms=1)

    @rule(
        worker=WORKERS, pause=st.sampled_from([Pause.KEEP, Pause.REFUSE]), seconds=st.integers(0, 2)
    )
    def pause(self, worker: int, pause: Pause, seconds: int) -> None:
        """An operator pauses the model for a while; a caller submits, and a ticket arrives."""
        self.stage.say("pause", MODEL, pause)
        self._submit(input=b"1")
        self.work(worker)
        self.stage.pass_seconds(seconds)
        self.stage.say("counts", MODEL)
        self.stage.say("pause", MODEL, Pause.OFF)

    @rule(worker=WORKERS)
    def purge(self, worker: int) -> None:
        """An operator purges the queue while one runs; a caller submits before it is made."""
        self._submit(input=b"1")
        if parent := self._parent(worker, busy=False):
            self.stage.take(parent)
            parent.claim()
        asked = self.stage.say("purge", MODEL, 0)
        self.stage.store.clock.offset_ms += 1_000
        self._submit(input=b"1")
        self.stage.say("purge", MODEL, asked.before_ms)

    @rule()
    def reap(self) -> None:
        self.stage.say("reap", MODEL)

    @rule(seconds=st.integers(1, 6))
    def pass_seconds(self, seconds: int) -> None:
        self.stage.pass_seconds(seconds)

    @rule(worker=WORKERS, pause=st.booleans())
    def worker_dies_in_a_run(self, worker: int, pause: bool) -> None:
        """A worker claims, begins, and is never heard of again.

        The store may pause before the lease runs out.
        """
        parent = self._parent(worker, busy=False)
        if parent is None:
            return
        self.stage.take(parent)
        parent.claim()
        if parent.current is not None:
            parent.begin()
        parent.current = None
        if pause:
            self.stage.store.clock.offset_ms += 5_000
            self.stage.say("reap", MODEL)
        self.stage.pass_seconds(2 if pause else 6)

    @rule(worker=WORKERS, seconds=st.integers(1, 8))
    def keep(self, worker: int, seconds: int) -> None:
        """A long run whose parent renews every other second."""
        for second in range(seconds):
            parent = self._parent(worker, busy=True)
            if parent is None or parent.current is None:
                return
            if second % 2 == 0:
                parent.store.renew(MODEL, parent.current.claim_id, 60_000)
            self.stage.pass_seconds(1)

    @rule(double=st.booleans())
    def broker_fails(self, double: bool) -> None:
        """All tickets are lost, or all are delivered twice."""
        self.stage.undisturbed = False
        self.stage.tickets = self.stage.tickets * 2 if double else []

    @rule(worker=WORKERS)
    def redeliver(self, worker: int) -> None:
        """The broker gives a ticket that a worker has to another one as well."""
        has, free = self._parent(worker, busy=True), self._parent(worker, busy=False)
        if has is None or has.current is None or free is None:
            return
        self.stage.take(free, redelivered=has.current.ticket)
        free.claim()

    @rule(by=st.sampled_from([-1_000, 1_000]))
    def tickets_in_flight_are_off(self, by: int) -> None:
        self.stage.undisturbed = False
        in_flight = max(0, self.stage.seen.meta.get("tickets", 0) + by)
        self.stage.store.meddle(MODEL, in_flight)
        self.stage.spec.tickets = in_flight
        self.stage.seen = self.stage.store.picture(MODEL)

    @rule(worker=WORKERS)
    def idle_workers_repair(self, worker: int) -> None:
        """With every ticket lost, a newly idle worker has one within two beats.

        None of the answers to its beats is lost.
        """
        self.broker_fails(double=False)
        parent = self._parent(worker, busy=False)
        if parent is None:
            return
        self.stage.share_sent_twice = 0
        self.stage.beat(parent, WorkerState.BUSY)
        waited = bool(self.stage.seen.waiting)
        self.stage.beat(parent, WorkerState.IDLE)
        self.stage.store.clock.offset_ms += 1_000
        self.stage.beat(parent, WorkerState.IDLE)
        self.stage.share_sent_twice = 1 / 3
        if waited and not self.stage.tickets:
            raise Finding("a lost ticket was not repaired in two beats", self.stage.seen.waiting)

    @precondition(lambda self: bool(self.stage.sent) and bool(self.ids))
    @rule(picks=st.lists(st.integers(0, 400), min_size=1, max_size=4))
    def resend(self, picks: list[int]) -> None:
        """Moves that were made long ago, or just now, arrive once more.

        A pause does not: of pauses the last that arrives counts.
        """
        sent = [said for said in self.stage.sent if said[0].name != "pause"]
        for pick in picks:
            move, delivery = sent[-1 - pick % len(sent)]
            self.stage.undisturbed &= move.name != "tickets_published"
            self.stage.make(move, delivery)

    @precondition(lambda self: any(move.name == "replay" for move, _ in self.stage.sent))
    @rule(pick=PICKS)
    def resend_a_replay(self, pick: int) -> None:
        """The operator's click comes in again after the new epoch failed as well."""
        replays: list[Move] = [move for move, _ in self.stage.sent if move.name == "replay"]
        self.stage.make(replays[pick % len(replays)], 0)

    @precondition(lambda self: bool(self.stage.claims) and bool(self.ids))
    @rule(claim=PICKS, pick=PICKS, verb=VERBS, own=st.booleans())
    def ghost(self, claim: int, pick: int, verb: OutcomeKind, own: bool) -> None:
        """A worker that was given up speaks, under any claim there ever was.

        It speaks of a record of its own or of any other.
        """
        claims = self.stage.claims
        claim_id = claims[-1 - claim % len(claims)]
        task_id = ALL if pick == 0 else self._id(pick)
        self.stage.say(
            "settle", MODEL, claim_id, (Outcome(task_id, verb, b'{"type":"ghost"}', own),), "v0"
        )

    def teardown(self) -> None:
        """One healthy worker and one reaper bring everything to an end.

        They do not do so after a finding, which is on its way up.
        """
        try:
            if sys.exc_info()[0] is None:
                self._to_the_end()
        finally:
            self.stage.waiter.drop()

    def _to_the_end(self) -> None:
        stage, parent = self.stage, self.stage.parents[1]
        stage.share_sent_twice = stage.share_not_published = 0
        for other in stage.parents:
            other.current = None
        for _ in range(MOST_ROUNDS_TO_THE_END):
            stage.beat(parent, WorkerState.IDLE)
            while stage.tickets and stage.seen.waiting:
                self.work(1)
            if not stage.seen.outstanding:
                break
            stage.pass_seconds(1)
        if stage.seen.outstanding:
            raise Finding("something never ended", stage.seen.outstanding)
