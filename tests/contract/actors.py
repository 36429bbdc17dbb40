"""Simulates the two actors that the moves alone do not show.

They are a worker's parent with its child (rule 5) and a gateway that waits (rule 7). Each is as
small as it can be, and has the bugs that people write there as a switch. They speak to the store
only through what they are given, so the real ones can take their place.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count

from inference.records import Record
from inference.states import FINAL, State
from inference.store import messages
from inference.store.messages import (
    ALL,
    ClaimRequest,
    ClaimStatus,
    LeaseStatus,
    Outcome,
    OutcomeKind,
    RenewAnswer,
)
from inference.store.protocols import WorkerStore
from tests.contract.stores import Subscription


@dataclass(frozen=True)
class InjectedBugs:
    """The bugs that actors can have; without any they keep to the protocol."""

    fence_is_the_tickets: bool = False
    any_refusal_stops_the_child: bool = False
    watches_before_confirmed: bool = False


@dataclass
class Delivery:
    """One ticket in the hands of a worker, and what was claimed with it."""

    number: int
    ticket: str
    claim_id: str
    granted: tuple[str, ...] = ()


_numbers = count(1)


@dataclass
class Parent:
    """A worker's parent: makes the fence, renews, and stops its child.

    It stops the child only when its present claim is lost.
    """

    store: WorkerStore
    model: str
    name: str
    batch_rows: int
    habits: InjectedBugs
    new_claim_id: Callable[[], str]
    current: Delivery | None = None
    answers: list[tuple[str, RenewAnswer]] = field(default_factory=list)
    """Answers to renewals, still on their way to the thread that acts on them."""

    def take(self, ticket: str) -> Delivery:
        """A ticket is delivered; the claim is made, but not sent."""
        fence = ticket if self.habits.fence_is_the_tickets else self.new_claim_id()
        self.current = Delivery(next(_numbers), ticket, fence)
        return self.current

    def claim(self, max_batch_wait_ms: int = 0) -> messages.ClaimAnswer:
        """The child asks; with nothing to do the delivery is over."""
        delivery = self._delivery()
        answer = self.store.claim(
            ClaimRequest(
                self.model, delivery.claim_id, self.name, self.batch_rows, max_batch_wait_ms
            )
        )
        delivery.granted = tuple(
            record.task_id for record in answer.records if record.input is not None
        )
        if answer.kind is ClaimStatus.NOTHING:
            self.current = None
        return answer

    def begin(self) -> tuple[str, ...]:
        delivery = self._delivery()
        return self.store.begin(self.model, delivery.claim_id, delivery.granted)

    def end(self, outcomes: list[Outcome]) -> messages.SettleAnswer:
        """The child's last write of a run."""
        delivery = self._delivery()
        self.current = None
        return self.store.settle(self.model, delivery.claim_id, outcomes, "v1")

    def renew(self, limit_ms: int) -> None:
        """Sends a renewal; what it answered is acted upon by `hear`, perhaps later."""
        claim_id = self._delivery().claim_id
        self.answers.append((claim_id, self.store.renew(self.model, claim_id, limit_ms)))

    def hear(self) -> Delivery | None:
        """Acts on the oldest answer; answers the delivery whose child it stopped."""
        claim_id, answer = self.answers.pop(0)
        delivery = self.current
        if delivery is None or answer.kind is not LeaseStatus.LOST:
            return None
        if claim_id != delivery.claim_id and not self.habits.any_refusal_stops_the_child:
            return None
        return delivery

    def stop(self) -> None:
        """A stop the parent orders is a hand back, never a fail."""
        self.end([Outcome(ALL, OutcomeKind.HAND_BACK)])

    def _delivery(self) -> Delivery:
        assert self.current is not None
        return self.current


@dataclass
class Waiter:
    """A gateway that waits for results on one channel."""

    ear: Subscription
    channel: str
    watch: Callable[[str, str], Record | None]
    habits: InjectedBugs
    confirmed: bool = False
    known: dict[str, tuple[int, State | None]] = field(default_factory=dict)
    """For each id waited for, the highest sequence heard of, and the state then."""

    def wait(self, task_id: str) -> None:
        self.known.setdefault(task_id, (0, None))
        if self.confirmed or self.habits.watches_before_confirmed:
            self._look(task_id)

    def confirm(self) -> None:
        """Subscribed, perhaps again: what was said meanwhile is lost, so all are watched anew."""
        self.ear.confirm()
        if not self.habits.watches_before_confirmed:
            for task_id in list(self.known):
                self._look(task_id)
        self.confirmed = True

    def drop(self) -> None:
        self.ear.drop()
        self.confirmed = False

    def hear(self) -> None:
        for task_id, sequence, state in self.ear.heard():
            self._learn(task_id, sequence, State(state))

    def answered(self) -> None:
        """Whoever waited for what has ended got the answer."""
        self.known = {task_id: told for task_id, told in self.known.items() if told[1] not in FINAL}

    def _look(self, task_id: str) -> None:
        record = self.watch(task_id, self.channel)
        if record is None:
            del self.known[task_id]
        else:
            self._learn(task_id, record.sequence, record.state)

    def _learn(self, task_id: str, sequence: int, state: State) -> None:
        if task_id in self.known and sequence > self.known[task_id][0]:
            self.known[task_id] = (sequence, state)
