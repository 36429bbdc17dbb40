"""The bugs that the state machine must find, in the protocol's order, and the hunt for one.

A bug of the store is planted as that store's own patches; one of a parent or a gateway as an
actor's habit.

A rare bug names the rules that its lives need. Lives of those alone come first, and lives of all
rules only if they find nothing. With `PLANTED_SEARCH=1` lives of all rules must find every bug.
"""

import inspect
import os
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from typing import Any

from hypothesis import HealthCheck, Phase, Verbosity, settings
from hypothesis.stateful import RULE_MARKER

from tests.contract.actors import InjectedBugs
from tests.contract.fault_rules import FaultRules
from tests.contract.findings import Finding
from tests.contract.lives import live
from tests.contract.stores import StoreUnderTest

MOST_LIVES = 600
FEW_RULES_LIVES = 40
SEARCH = os.environ.get("PLANTED_SEARCH", "") == "1"


@dataclass(frozen=True)
class Bug:
    """`how` and `habits` are for a bug of an actor; a store says how it plants the others."""

    name: str
    how: str = ""
    habits: InjectedBugs | None = None
    rules: tuple[str, ...] = ()


BUGS = (
    Bug("a claim charged that never began"),
    Bug("alone judged by who is left after a cancel"),
    Bug("a resent claim that gets other records"),
    Bug(
        "a resent replay that opens a third epoch",
        rules=("submit", "fails_for_good", "replay_or_discard", "resend_a_replay", "work"),
    ),
    Bug(
        "a fence reused",
        "the parent takes the ticket's id for the claim id",
        InjectedBugs(fence_is_the_tickets=True),
        rules=("submit", "claim", "begin", "redeliver", "work", "die", "pass_seconds"),
    ),
    Bug(
        "an unfenced write",
        rules=("submit", "claim", "begin", "work", "die", "ghost", "worker_dies_in_a_run"),
    ),
    Bug(
        "a refused renewal that stops the next claim's child",
        "the parent does not ask which claim the answer is about",
        InjectedBugs(any_refusal_stops_the_child=True),
        rules=("submit", "claim", "begin", "renew", "lost_on_the_way", "hear"),
    ),
    Bug(
        "a batch whose members' own temporary failures are never charged and never end",
        rules=("submit", "claim", "begin", "temporary", "end", "pass_seconds"),
    ),
    Bug("a reclaim right after a pause, also by the other gateway's reaper"),
    Bug(
        "a reaper acting on a stale list",
        rules=(
            *("submit", "claim", "begin", "renew", "keep"),
            *("worker_dies_in_a_run", "reap", "resend", "pass_seconds"),
        ),
    ),
    Bug("a ticket never repaired"),
    Bug(
        "a second quarantined record without a ticket",
        rules=(
            *("submit", "claim", "begin", "work", "end", "die", "beat"),
            *("worker_dies_in_a_run", "pass_seconds"),
        ),
    ),
    Bug(
        "a watch before the subscription is confirmed",
        "the gateway watches when it sends the subscription, and not again",
        InjectedBugs(watches_before_confirmed=True),
        rules=(
            *("submit", "wait", "connect", "connect_slowly"),
            *("disconnect", "cancel", "look", "work"),
        ),
    ),
    Bug("outstanding off by one"),
    Bug("a backlog that grows by one too many"),
    Bug("bytes that are not given back"),
    Bug("a refusal by estimate while no worker lives"),
    Bug("the newest dead letter dropped before older ones"),
    Bug("a history that outlives a success"),
    Bug(
        "a run limit used up by a step of the clock",
        rules=("submit", "claim", "begin", "clock_steps", "renew", "work"),
    ),
    Bug(
        "a batch that waits for a clock that stepped back",
        rules=("submit", "claim", "claim_again", "begin", "clock_steps", "pass_seconds", "work"),
    ),
    Bug("a claim of a paused model"),
    Bug("a model that goes on without tickets"),
    Bug("a paused model that takes what it refuses"),
    Bug("a purge that takes what came after it"),
    Bug("a purge that ends what runs"),
    Bug("a purge that counts as work"),
    Bug(
        "a join to what may expire sooner",
        rules=("ask_for_the_same", "claim", "work", "pass_seconds", "look"),
    ),
    Bug(
        "a join that loses the joiner's priority",
        rules=("ask_for_the_same", "claim", "work", "pass_seconds", "look"),
    ),
    Bug("a join that puts a record back in the order"),
)


def hunt(store: StoreUnderTest, bug: Bug | None, *, with_spec: bool) -> str:
    """Lives with the bug planted (or none), and answers the name of what was found, or ''."""
    if bug is not None and bug.rules and not SEARCH:
        machine = with_rules(bug.rules)
        if found := _hunt_in(machine, FEW_RULES_LIVES, store, bug, with_spec=with_spec):
            return found
    return _hunt_in(FaultRules, MOST_LIVES, store, bug, with_spec=with_spec)


def with_rules(names: tuple[str, ...]) -> type[FaultRules]:
    """The machine with these rules alone; what they call of the others is there."""
    others = rules_of(FaultRules).items()
    without = {name: _no_rule(method) for name, method in others if name not in names}
    return type("FewRules", (FaultRules,), without)


def rules_of(machine: type[FaultRules]) -> dict[str, Callable[..., None]]:
    """A machine's rules by name."""
    methods = inspect.getmembers(machine, inspect.isfunction)
    return {name: method for name, method in methods if hasattr(method, RULE_MARKER)}


def _no_rule(rule: Callable[..., None]) -> Callable[..., None]:
    def method(self: FaultRules, *arguments: Any, **named: Any) -> None:
        rule(self, *arguments, **named)

    return method


def _hunt_in(
    machine: type[FaultRules],
    lives: int,
    store: StoreUnderTest,
    bug: Bug | None,
    *,
    with_spec: bool,
) -> str:
    habits = bug.habits if bug is not None and bug.habits is not None else InjectedBugs()
    patched = (
        store.planted(store.plantings[bug.name].patches)
        if bug is not None and bug.habits is None
        else nullcontext()
    )
    settled = settings(
        max_examples=lives,
        derandomize=True,
        database=None,
        stateful_step_count=40,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate],
        verbosity=Verbosity.quiet,
    )
    with patched:
        try:
            live(partial(machine, store, habits, with_spec=with_spec), settled)
        except BaseException as error:
            return _name_in(error)
    return ""


def _name_in(error: BaseException) -> str:
    """Returns the finding's name, also where hypothesis wrapped it.

    Hypothesis wraps it since the clock had moved when it tried again.
    """
    if isinstance(error, Finding):
        return error.name
    if isinstance(error, BaseExceptionGroup):
        return _name_in(error.exceptions[0])
    raise error
