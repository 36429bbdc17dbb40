"""The stage of the machine, with all that takes part.

It has one model, two gateways, workers' parents, a broker that loses and doubles tickets, and a
clock that jumps. Every move goes through `say`: to the store, past the ledger, through the
specification. A third of them is sent twice at once, as by a client whose first answer was lost.
All are kept to be sent again late.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

from inference.records import PredictionRequest, Record
from inference.states import FINAL
from inference.store import messages
from inference.store.messages import (
    ALL,
    ClaimRequest,
    HeartbeatRequest,
    Outcome,
    OutcomeKind,
    WorkerState,
)
from tests.contract.actors import InjectedBugs, Parent, Waiter
from tests.contract.findings import Finding
from tests.contract.indexes import needed
from tests.contract.invariants import Invariants, Step
from tests.contract.snapshot import Move, StoreSnapshot, difference
from tests.contract.spec import Spec
from tests.contract.spec_rows import NotAllowed
from tests.contract.stores import StoreUnderTest

MODEL = "m"
LISTENER = "contract:gateway:a"
"""A channel as gateways have it: the user of least rights may listen to no other."""
LARGEST_BATCH = 8
RUN_LIMIT_MS = 6_000
TELLS_TICKETS = (
    messages.SubmitAnswer,
    messages.ClaimAnswer,
    messages.SettleAnswer,
    messages.Replayed,
    messages.Reaped,
    messages.Paused,
)
REFUSED = (messages.Submitted.FULL, messages.Submitted.LATE, messages.Submitted.PAUSED)
TELL_NOTHING = (
    messages.Replayed(0, 0),
    messages.Reaped(ran=False),
    messages.ClaimAnswer(messages.ClaimStatus.NOTHING),
)


@dataclass
class SaidByWorker:
    """A worker's side of the store whose every call is checked.

    `delivery` says for which delivery it speaks.
    """

    stage: "Harness"
    delivery: int = 0

    def claim(self, ask: ClaimRequest) -> messages.ClaimAnswer:
        answer: messages.ClaimAnswer = self.stage.say("claim", ask, delivery=self.delivery)
        return answer

    def begin(self, model: str, claim_id: str, task_ids: Sequence[str]) -> tuple[str, ...]:
        held: tuple[str, ...] = self.stage.say("begin", model, claim_id, tuple(task_ids))
        return held

    def renew(self, model: str, claim_id: str, limit_ms: int) -> messages.RenewAnswer:
        answer: messages.RenewAnswer = self.stage.say("renew", model, claim_id, limit_ms)
        return answer

    def settle(
        self, model: str, claim_id: str, outcomes: Sequence[Outcome], version: str
    ) -> messages.SettleAnswer:
        answer: messages.SettleAnswer = self.stage.say(
            "settle", model, claim_id, tuple(outcomes), version
        )
        return answer

    def heartbeat(self, beat: HeartbeatRequest) -> messages.HeartbeatAnswer:
        answer: messages.HeartbeatAnswer = self.stage.say("heartbeat", beat)
        return answer

    def tickets_published(self, model: str, published: int) -> int:
        missing: int = self.stage.say("tickets_published", model, published)
        return missing

    def check(self, model: str) -> str:
        del model
        return ""

    def own(self, model: str) -> None:
        del model


class Harness:
    """See the module."""

    def __init__(
        self, store: StoreUnderTest, habits: InjectedBugs, *, with_spec: bool = True
    ) -> None:
        store.flush()
        store.clock.offset_ms = 0
        self.store = store
        self._with_spec = with_spec
        self.dice = Random(0)
        self.spec = Spec(store.limits)
        self.ledger = Invariants(store.limits)
        self.seen = StoreSnapshot()
        self.sent: list[tuple[Move, int]] = []
        self.tickets: list[str] = []
        self.share_sent_twice = 1 / 3
        self.share_not_published = 1 / 10
        self.undisturbed = True
        """No ticket and no count of them was lost, doubled or forged since the two last agreed."""
        self.claims: list[str] = []
        self.parents = [
            self._parent(name, rows, habits) for name, rows in (("w1", 1), ("w8", 8), ("v8", 8))
        ]
        self.waiter = Waiter(store.subscription(LISTENER), LISTENER, self.watch, habits)

    def _parent(self, name: str, batch_rows: int, habits: InjectedBugs) -> Parent:
        return Parent(SaidByWorker(self), MODEL, name, batch_rows, habits, self.new_claim_id)

    def new_claim_id(self) -> str:
        return f"c{len(self.claims)}"

    # Moves.

    def say(self, name: str, *args: Any, delivery: int = 0) -> Any:
        """Makes a move, perhaps twice, and publishes the tickets that it asks for."""
        move = Move(name, args)
        self.sent.append((move, delivery))
        answer = self.make(move, delivery)
        if self.dice.random() < self.share_sent_twice:
            self.undisturbed &= name != "tickets_published"
            answer = self.make(move, delivery)
        self._publish(answer)
        return answer

    def make(self, move: Move, delivery: int) -> Any:
        """Sends a move once, and compares."""
        now, answer = self.store.send(self.dice.randrange(2), move)
        before, self.seen = self.seen, self.store.picture(MODEL)
        self.ledger.look(Step(now, move, answer, delivery, before, self.seen))
        if self._with_spec:
            self._compare(now, move, answer)
        self._listen()
        self.undisturbed &= getattr(answer, "repair", 0) == 0
        return answer

    def _compare(self, now: int, move: Move, answer: Any) -> None:
        try:
            expected = self.spec.apply(now, move, self.seen)
        except (NotAllowed, KeyError) as error:
            raise Finding(f"what {move.name} did is not allowed", error) from error
        if answer != expected:
            raise Finding(
                f"the answer of {move.name} is another", f"{move}: {answer}, and not {expected}"
            )
        if said := difference(self.seen, self.spec.picture()):
            raise Finding(f"what {move.name} left is another", said)

    def _listen(self) -> None:
        """A gateway whose subscription stands knows how far each record is that it waits for."""
        waiter = self.waiter
        if not (waiter.confirmed and waiter.known):
            return
        waiter.hear()
        for task_id, told in waiter.known.items():
            row = self.seen.records.get(task_id)
            # Who heard of an end waits no more, whatever becomes of the record.
            waits = told[1] is not None and told[1] not in FINAL
            if waits and row is not None and told != (row.seq, row.state):
                raise Finding(
                    "a waiting gateway missed a move",
                    f"{task_id}: heard {told}, is {row.seq} {row.state}",
                )
        waiter.answered()

    def watch(self, task_id: str, channel: str) -> Record | None:
        record: Record | None = self.say("watch", task_id, channel)
        return record

    # Tickets.

    def _publish(self, answer: Any) -> None:
        if isinstance(answer, messages.HeartbeatAnswer):
            self._add(answer.repair)
        if (
            not isinstance(answer, TELLS_TICKETS)
            or answer in TELL_NOTHING
            or getattr(answer, "kind", None) in REFUSED
        ):
            return
        if answer.tickets and self.dice.random() < self.share_not_published:
            return
        if answer.tickets:
            self._add(answer.tickets)
            self.say("tickets_published", MODEL, answer.tickets)
        self._covered()

    def _add(self, number: int) -> None:
        self.tickets += [f"t{self.dice.getrandbits(64):x}" for _ in range(number)]

    def _covered(self) -> None:
        in_flight = self.seen.meta.get("tickets", 0)
        self.undisturbed |= in_flight == len(self.tickets)
        if self.undisturbed and len(self.tickets) < needed(self.seen, LARGEST_BATCH):
            raise Finding(
                "what waits has too few tickets", f"{len(self.tickets)} for {self.seen.waiting}"
            )

    # What takes several moves.

    def take(self, parent: Parent, redelivered: str = "") -> None:
        """Delivers a ticket to a worker's parent.

        It is the next ticket, one that was thought lost long ago, or one that another worker has.
        """
        ticket = redelivered
        if not ticket:
            ticket = self.tickets.pop(0) if self.tickets else f"s{self.dice.getrandbits(64):x}"
        self.undisturbed &= (
            not redelivered
            and ticket[0] == "t"
            and self.seen.meta.get("tickets", 0) == len(self.tickets) + 1
        )
        delivery = parent.take(ticket)
        self.claims.append(delivery.claim_id)
        assert isinstance(parent.store, SaidByWorker)
        parent.store.delivery = delivery.number

    def submit(self, submission: PredictionRequest) -> messages.SubmitAnswer:
        answer: messages.SubmitAnswer = self.say("submit", submission)
        return answer

    def beat(self, parent: Parent, state: WorkerState, wants: str = "") -> messages.HeartbeatAnswer:
        return parent.store.heartbeat(
            HeartbeatRequest(
                MODEL,
                parent.name,
                state,
                "v1",
                parent.batch_rows,
                wants=wants,
                problem=wants,
                identity=parent.name,
            )
        )

    def pass_seconds(self, seconds: int) -> None:
        """Time goes by while a gateway's reaper runs each second."""
        for _ in range(seconds):
            self.store.clock.offset_ms += 1_000
            self.say("reap", MODEL)

    def finish_run(self, parent: Parent) -> None:
        """The healthy end of a run: what holds poison fails as a whole, all else succeeds."""
        assert parent.current is not None
        ids = parent.current.granted
        rows = [self.seen.records.get(task_id) for task_id in ids]
        if any(row is not None and row.input == b'"poison"' for row in rows):
            parent.end([Outcome(ALL, OutcomeKind.FAIL, b'{"type":"poison"}')])
        else:
            parent.end([Outcome(task_id, OutcomeKind.FINISH, b"[1]", run_ms=7) for task_id in ids])
