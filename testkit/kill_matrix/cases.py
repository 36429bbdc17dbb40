"""The cases: each gap in its process, and random moments of every process.

Each is tried by three signals and with two B.
"""

from collections import Counter
from dataclasses import dataclass
from enum import StrEnum
from random import Random

from inference.failpoints import Failpoint
from testkit.failpoint_hook import Role


class Signal(StrEnum):
    """STOP means stopped for longer than a lease, and resumed."""

    KILL = "SIGKILL"
    TERM = "SIGTERM"
    STOP = "SIGSTOP"


BATCHES = (1, 8)
ANY_MOMENT = "any moment"
_SHARED = (Failpoint.WORKER_TICKETS_PUBLISHED,)
_CHILD_FROM, _PARENT_FROM = (
    list(Failpoint).index(Failpoint.LOADED),
    list(Failpoint).index(Failpoint.TICKET_POPPED),
)
GAPS: dict[Role, tuple[Failpoint, ...]] = {
    Role.GATEWAY: tuple(Failpoint)[:_CHILD_FROM],
    Role.CHILD: tuple(gap for gap in tuple(Failpoint)[_CHILD_FROM:_PARENT_FROM]) + _SHARED,
    Role.PARENT: tuple(Failpoint)[_PARENT_FROM:],
}
"""The process in which each gap lies, by the order of `Failpoint`.

The child's gaps are struck with its parent, too.
"""
GAPS[Role.WORKER] = GAPS[Role.CHILD]

SIGNALS = {Role.WORKER: (Signal.KILL, Signal.STOP)}
"""A child is never told to end together with its parent."""

_NOT_ALONE = (Failpoint.CLAIM_WAITS,)
"""What B = 1 has not: a batch of one is full."""


@dataclass(frozen=True, slots=True)
class Case:
    """One strike. `gap` is None for a random moment."""

    role: Role
    gap: Failpoint | None
    signal: Signal
    batch: int

    @property
    def place(self) -> str:
        """Where it strikes, in words."""
        return self.gap.value if self.gap else ANY_MOMENT

    @property
    def stands(self) -> Role:
        """Whose process stands in the gap."""
        return Role.CHILD if self.role is Role.WORKER else self.role

    def __str__(self) -> str:
        return f"{self.signal} of the {self.role} at {self.place}, B = {self.batch}"


def all_cases() -> list[Case]:
    """Every case, by process, gap, signal and B."""
    return [
        Case(role, gap, signal, batch)
        for role in Role
        for gap in (*GAPS.get(role, ()), None)
        for signal in SIGNALS.get(role, tuple(Signal))
        for batch in BATCHES
        if batch > 1 or gap not in _NOT_ALONE
    ]


def draw(count: int, random: Random) -> list[Case]:
    """Draws a sample that spreads over the places first.

    It has one B as often as the other, and signals as chance has it.
    """
    left = all_cases()
    random.shuffle(left)
    drawn: list[Case] = []
    times: Counter[tuple[Role, Failpoint | None]] = Counter()
    while left and len(drawn) < count:
        turn = BATCHES[len(drawn) % len(BATCHES)]
        case = min(left, key=lambda case: (times[case.role, case.gap], case.batch != turn))
        left.remove(case)
        drawn.append(case)
        times[case.role, case.gap] += 1
    return drawn
