"""The state machine: hypothesis picks what happens next, and `Harness` looks at every move.

Rules are what clients, workers, operators, brokers, clocks and accidents do; none expects anything,
the ledger and the specification do. `accidents.py` has the rest of the rules, and the end.
"""

from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from inference.ids import new_task_id
from inference.records import PredictionRequest
from inference.store.messages import ALL, Outcome, OutcomeKind, WorkerState
from tests.contract.actors import InjectedBugs, Parent
from tests.contract.harness import MODEL, RUN_LIMIT_MS, Harness
from tests.contract.invariants import Finding
from tests.contract.stores import StoreUnderTest

MOST_OUTSTANDING = 12
WORKERS = st.integers(0, 2)
PICKS = st.integers(0, 30)
VERBS = st.sampled_from(list(OutcomeKind))
KEYS = st.sampled_from(["", "", "", "k1", "k2"])
BODIES, HEAD_STARTS = st.sampled_from(["x", "y"]), st.sampled_from([0, 0, 5_000])
STATES = st.sampled_from(list(WorkerState))
NO_HABITS = InjectedBugs()


class StoreStateMachine(RuleBasedStateMachine):
    """A model's life; made by a factory that brings the store."""

    def __init__(
        self, store: StoreUnderTest, habits: InjectedBugs = NO_HABITS, *, with_spec: bool = True
    ) -> None:
        super().__init__()
        self.stage = Harness(store, habits, with_spec=with_spec)
        self.ids: list[str] = []

    @initialize(seed=st.integers(0, 255))
    def start(self, seed: int) -> None:
        """The gateways have run for a while."""
        self.stage.dice.seed(seed)
        if seed % 4:
            self.stage.pass_seconds(5)

    def _parent(self, number: int, *, busy: bool | None = None) -> Parent | None:
        """The parent asked for or the next that is as free as wanted."""
        parents = self.stage.parents[number:] + self.stage.parents[:number]
        return next((p for p in parents if busy is None or (p.current is not None) == busy), None)

    def _id(self, pick: int) -> str:
        return self.ids[-1 - pick % len(self.ids)]

    def _has_ids(self) -> bool:
        return bool(self.ids)

    def _has_claims(self) -> bool:
        return bool(self.stage.claims)

    # Clients.

    def _submit(self, **fields: Any) -> None:
        task_id = new_task_id(MODEL)
        self.ids.append(task_id)
        self.stage.submit(PredictionRequest(task_id, MODEL, **fields))

    @precondition(lambda self: len(self.stage.seen.outstanding) < MOST_OUTSTANDING)
    @rule(
        poison=st.booleans(),
        rows=st.sampled_from([1, 1, 1, 3]),
        number=st.integers(1, 3),
        waits=st.booleans(),
    )
    def submit(self, poison: bool, rows: int, number: int, waits: bool) -> None:
        for i in range(number):
            data = b'"poison"' if poison and i == 0 else b'"plain"'
            self._submit(input=data, rows=rows, listener="gateway-b" if waits else "")

    @precondition(lambda self: len(self.stage.seen.outstanding) < MOST_OUTSTANDING)
    @rule(
        key=KEYS,
        body=st.sampled_from(["x", "y"]),
        join=KEYS,
        fresh=st.booleans(),
        head=st.sampled_from([0, 0, 5_000]),
        ttl=st.booleans(),
        longest=st.sampled_from([0, 0, 500, 20_000]),
    )
    def submit_with_all(
        self, *, key: str, body: str, join: str, fresh: bool, head: int, ttl: bool, longest: int
    ) -> None:
        joins = {
            "join_key": join,
            "join_version": "v1",
            "fresh": fresh,
            "idempotency_key": key,
            "body_digest": body,
        }
        time_to_start = 2_000 if ttl else 0
        times = {
            "head_start_ms": head,
            "time_to_start_ms": time_to_start,
            "longest_wait_ms": longest,
        }
        self._submit(input=b'"plain"', entity_key=7, **times, **joins)

    @precondition(lambda self: len(self.stage.seen.outstanding) < MOST_OUTSTANDING)
    @rule(
        heads=st.tuples(HEAD_STARTS, HEAD_STARTS),
        expire=st.tuples(st.booleans(), st.booleans()),
        key=KEYS,
    )
    def ask_for_the_same(self, heads: tuple[int, int], expire: tuple[bool, bool], key: str) -> None:
        """Two callers about one match, each with its own wishes; the second perhaps with a key."""
        for head, expires, own in zip(heads, expire, ("", key), strict=True):
            wishes = {"head_start_ms": head, "time_to_start_ms": 2_000 if expires else 0}
            self._submit(
                input=b'"plain"',
                entity_key=7,
                join_key="k1",
                join_version="v1",
                idempotency_key=own,
                **wishes,
            )

    @precondition(_has_ids)
    @rule(pick=PICKS)
    def cancel(self, pick: int) -> None:
        self.stage.say("cancel", self._id(pick))

    @precondition(_has_ids)
    @rule(pick=PICKS)
    def wait(self, pick: int) -> None:
        self.stage.waiter.wait(self._id(pick))

    @rule()
    def connect(self) -> None:
        if not self.stage.waiter.confirmed:
            self.stage.waiter.confirm()

    @precondition(_has_ids)
    @rule(pick=PICKS)
    def connect_slowly(self, pick: int) -> None:
        """Somebody waits while the subscription is not confirmed, and the record ends just before
        it is.
        """
        self.stage.waiter.drop()
        self.stage.waiter.wait(self._id(pick))
        self.stage.say("cancel", self._id(pick))
        self.stage.waiter.confirm()
        self.look()

    @rule()
    def disconnect(self) -> None:
        self.stage.waiter.drop()

    # Operators.

    @precondition(_has_ids)
    @rule(pick=PICKS, epoch=st.integers(1, 2), discard=st.integers(0, 5))
    def replay_or_discard(self, pick: int, epoch: int, discard: int) -> None:
        dead = list(self.stage.seen.dead) or [self._id(pick)]
        task_id = dead[pick % len(dead)]
        row = self.stage.seen.records.get(task_id)
        if discard == 5:
            self.stage.say("discard_dead_letter", task_id)
        else:
            self.stage.say("replay", task_id, row.epoch if row is not None and discard else epoch)

    @rule()
    def look(self) -> None:
        self.stage.say("counts", MODEL)
        self.stage.say("workers", MODEL)

    # Workers.

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
        """A dead letter; when it is replayed, the next claim gets it again, since it kept its place
        in the order.
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
        """The parent ends a delivery whose claim has not arrived; it may arrive afterwards, or just
        before.
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
        """A renewal finds its claim lost, and before the answer is acted upon the child is at the
        next delivery.
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
