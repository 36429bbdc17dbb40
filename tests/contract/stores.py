"""The parts of a store that the contract tests need, whatever store it is.

They are two real gateways' sides, workers' sides, and a view of all it holds. The tests name no
store. A second store brings its own `StoreUnderTest` and its own plantings, and runs the same
machine.
"""

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Protocol

from inference.limits import Limits
from inference.store.protocols import GatewayStore, WorkerStore
from tests.contract.snapshot import Move, StoreSnapshot


@dataclass
class Clock:
    """The distance of the store's time from the machine's.

    A store under test is built with `offset`.
    """

    offset_ms: int = 0

    def offset(self) -> int:
        return self.offset_ms


@dataclass(frozen=True)
class Patch:
    """A change of a program of the store: the text `old` in the program `name` becomes `new`."""

    name: str
    old: str
    new: str


@dataclass(frozen=True)
class Planting:
    """How a bug of the list is put into this store: a sentence, and the patches."""

    how: str
    patches: tuple[Patch, ...]


class Subscription(Protocol):
    """A gateway's ear, with its confirmation made explicit."""

    def confirm(self) -> None:
        """Subscribes, and returns when the store has confirmed it."""

    def drop(self) -> None:
        """Loses the connection, and with it all that is said until the next `confirm`."""

    def heard(self) -> list[tuple[str, int, str]]:
        """Answers all that was said so far: task id, sequence, state."""


class StoreUnderTest(Protocol):
    """A store with two gateways and any number of workers on it."""

    limits: Limits
    clock: Clock

    @property
    def plantings(self) -> Mapping[str, Planting]:
        """By the name of the bug."""

    def worker_store(self) -> WorkerStore:
        """A worker's side."""

    def gateway_store(self, number: int) -> GatewayStore:
        """The first or second gateway's side, on the loop that `run` drives."""

    def run(self, coroutine: Any) -> Any:
        """Runs a gateway's method to its end."""

    def send(self, gateway: int, move: Move) -> tuple[int, Any]:
        """Makes a move from the gateway (or the workers' side).

        Returns the store's time of the move, and its answer.
        """

    def subscription(self, channel: str) -> Subscription:
        """An ear for a gateway's channel, not yet confirmed."""

    def picture(self, model: str) -> StoreSnapshot:
        """All that it holds of a model."""

    def meddle(self, model: str, tickets: int) -> None:
        """Sets the count of tickets in flight, as a hand or a rollback might."""

    def forge(self, model: str, task_id: str, *, outstanding: bool) -> None:
        """Puts a task id into the outstanding set, or takes it out, behind the moves' back."""

    def flush(self) -> None:
        """Forgets everything."""

    def planted(self, patches: tuple[Patch, ...]) -> AbstractContextManager[None]:
        """Runs with its programs changed; each change is asserted to apply."""
