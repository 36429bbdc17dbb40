"""The state machine: hypothesis picks what happens next, and `Harness` looks at every move.

Rules are what clients, workers, operators, brokers, clocks and accidents do; none expects anything,
the ledger and the specification do. Here are those of clients and operators; `worker_rules.py` and
`fault_rules.py` have the rest, and the end.
"""

from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from inference.ids import new_task_id
from inference.records import PredictionRequest
from inference.trace_context import TraceContext
from tests.contract.actors import InjectedBugs, Parent
from tests.contract.harness import MODEL, Harness
from tests.contract.stores import StoreUnderTest

MOST_OUTSTANDING = 12
PICKS = st.integers(0, 30)
TRACE = TraceContext("ab" * 16, "cd" * 8, 1, "vendor=1")
KEYS = st.sampled_from(["", "", "", "k1", "k2"])
BODIES, HEAD_STARTS = st.sampled_from(["x", "y"]), st.sampled_from([0, 0, 5_000])
NO_HABITS = InjectedBugs()


class StoreStateMachine(RuleBasedStateMachine):
    """A model's life, as far as clients and operators make it; a factory brings the store."""

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
        trace = TRACE if len(self.ids) % 2 else None
        request_id = f"r-{len(self.ids)}" if trace else ""
        self.stage.submit(
            PredictionRequest(task_id, MODEL, trace=trace, request_id=request_id, **fields)
        )

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
            self._submit(input=data, rows=rows, listener="contract:gateway:b" if waits else "")

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
        """A caller waits while the subscription is not confirmed.

        The record ends just before it is confirmed.
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
