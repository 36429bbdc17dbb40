"""The rules of the machine's workers: they claim, run, end, renew, and die."""

from hypothesis import strategies as st
from hypothesis.stateful import rule

from inference.store.messages import ALL, Outcome, OutcomeKind, WorkerState
from tests.contract.findings import Finding
from tests.contract.harness import RUN_LIMIT_MS
from tests.contract.machine import PICKS, StoreStateMachine

WORKERS = st.integers(0, 2)
VERBS = st.sampled_from(list(OutcomeKind))
STATES = st.sampled_from(list(WorkerState))


class WorkerRules(StoreStateMachine):
    """A model's life with what its workers do."""

    @rule(worker=WORKERS, wait=st.sampled_from([0, 0, 2_000]))
    def claim(self, worker: int, wait: int) -> None:
        if parent := self._parent(worker, busy=False):
            self.stage.take(parent)
            parent.claim(wait)

    @rule(worker=WORKERS, wait=st.booleans())
    def claim_again(self, worker: int, wait: bool) -> None:
        if parent := self._parent(worker, busy=True):
            parent.claim(2_000 if wait else 0)

    @rule(worker=WORKERS)
    def begin(self, worker: int) -> None:
        if parent := self._parent(worker, busy=True):
            parent.begin()

    @rule(worker=WORKERS)
    def work(self, worker: int) -> None:
        """A run from the ticket to its end."""
        if parent := self._parent(worker, busy=False):
            self.stage.take(parent)
            parent.claim()
        parent = self._parent(worker, busy=True)
        if parent is not None and parent.current is not None:
            if parent.current.granted:
                parent.begin()
            self.stage.finish_run(parent)

    @rule(worker=WORKERS, verb=VERBS, own=st.booleans(), whole=st.booleans(), pick=PICKS)
    def end(self, worker: int, verb: OutcomeKind, own: bool, whole: bool, pick: int) -> None:
        """Ends somehow: as a whole, or each record its own way."""
        parent = self._parent(worker, busy=True)
        if parent is None or parent.current is None:
            return
        granted, verbs = parent.current.granted, list(OutcomeKind)
        if whole:
            outcomes = [Outcome(ALL, verb, b'{"type":"e"}', own)]
        else:
            outcomes = [
                Outcome(i, verb if n else verbs[pick % 4], b'{"type":"e"}', own)
                for n, i in enumerate(granted)
            ]
        parent.end(outcomes)

    @rule(times=st.integers(1, 2))
    def fails_for_good(self, times: int) -> None:
        """A record fails for good and becomes a dead letter.

        When it is replayed, the next claim gets it again, since it kept its place in the order.
        """
        parent = self.stage.parents[0]
        for again in range(times):
            if parent.current is None:
                self.stage.take(parent)
                parent.claim()
            if parent.current is None:
                return
            granted = parent.current.granted
            parent.begin()
            parent.end([Outcome(ALL, OutcomeKind.FAIL_FOR_GOOD, b'{"type":"e"}')])
            for task_id in granted if again + 1 < times else ():
                self.stage.say("replay", task_id, self.stage.seen.records[task_id].epoch)

    @rule(worker=WORKERS, number=st.integers(1, 3))
    def temporary(self, worker: int, number: int) -> None:
        """Fetching fails for every record of a batch, by its own fault, again and again."""
        for _ in range(number):
            parent = self._parent(worker, busy=False)
            if parent is None or not self.stage.seen.waiting:
                return
            self.stage.take(parent)
            parent.claim()
            if parent.current is not None:
                parent.begin()
                parent.end(
                    [
                        Outcome(i, OutcomeKind.FAIL, b'{"type":"fetch"}', own=True)
                        for i in parent.current.granted
                    ]
                )
            self.stage.pass_seconds(4)

    @rule(
        worker=WORKERS,
        late=st.booleans(),
        verb=st.sampled_from([OutcomeKind.HAND_BACK, OutcomeKind.FAIL]),
    )
    def give_up(self, worker: int, late: bool, verb: OutcomeKind) -> None:
        """The parent ends a delivery whose claim has not arrived.

        The claim may arrive afterwards, or just before.
        """
        parent = self._parent(worker, busy=False)
        if parent is None:
            return
        self.stage.take(parent)
        delivery = parent.current
        self.stage.undisturbed &= not late
        if not late:
            parent.claim()
        if parent.current is not None:
            parent.end([Outcome(ALL, verb, b'{"type":"exit"}')])
        if late:
            parent.current = delivery
            if any(record.input is not None for record in parent.claim().records):
                raise Finding("a claim that was closed got records", delivery)
        parent.current = None

    @rule(worker=WORKERS)
    def die(self, worker: int) -> None:
        """A worker is gone without a word; another takes its place."""
        if parent := self._parent(worker, busy=True):
            parent.current = None

    @rule(worker=WORKERS)
    def renew(self, worker: int) -> None:
        if parent := self._parent(worker, busy=True):
            parent.renew(RUN_LIMIT_MS)

    @rule(worker=WORKERS, heard=st.booleans())
    def lost_on_the_way(self, worker: int, heard: bool) -> None:
        """A renewal finds its claim lost, and its answer is acted upon late.

        Before that the child is at the next delivery.
        """
        parent = self._parent(worker, busy=True)
        if parent is None or parent.current is None:
            return
        for task_id in parent.current.granted:
            self.stage.say("cancel", task_id)
        parent.renew(RUN_LIMIT_MS)
        self.stage.finish_run(parent)
        self._submit(input=b'"plain"')
        self.stage.take(parent)
        parent.claim()
        for _ in range(len(parent.answers) if heard else 0):
            self.hear(worker)

    @rule(worker=WORKERS)
    def hear(self, worker: int) -> None:
        """The answer of a renewal is acted upon, perhaps when another delivery is in the child."""
        parent = next((p for p in self.stage.parents[worker:] if p.answers), None)
        stopped = parent.hear() if parent is not None else None
        if parent is None or stopped is None:
            return
        held = [i for i, row in self.stage.seen.records.items() if row.claim == stopped.claim_id]
        if held or not self.stage.seen.claims[stopped.claim_id].ids:
            raise Finding("a child was stopped whose claim was not lost", stopped)
        parent.stop()

    @rule(worker=WORKERS, state=STATES, wants=st.sampled_from(["", "v2"]))
    def beat(self, worker: int, state: WorkerState, wants: str) -> None:
        self.stage.beat(self.stage.parents[worker], state, wants)
