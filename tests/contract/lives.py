"""Lets a state machine live, whatever the clock does meanwhile."""

from collections.abc import Callable
from typing import Any, cast

from hypothesis import seed, settings
from hypothesis.errors import FlakyStrategyDefinition
from hypothesis.stateful import run_state_machine_as_test

TRIES = 4


def live(machine: Callable[[], Any], settled: settings) -> None:
    """Runs the machine; raises what it finds.

    Which rules may come next follows from what the store holds, and that from its clock, which goes
    on by itself. So a life that begins as an earlier one may go on otherwise, which hypothesis
    takes for an error of ours. Then other lives are lived.
    """
    for number in range(TRIES):
        begun = seed(number)(cast(Any, machine)) if number else machine
        try:
            run_state_machine_as_test(cast(Any, begun), settings=settled)
            return
        except FlakyStrategyDefinition:
            if number == TRIES - 1:
                raise
