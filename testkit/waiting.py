"""How tests wait: for a condition, with a limit, and a sentence when it did not come."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def until(condition: Callable[[], T], what: str, limit_s: float = 30.0, step_s: float = 0.05) -> T:
    """Returns the condition's first true answer; fails with `what` after `limit_s` seconds."""
    end = time.monotonic() + limit_s
    while not (answer := condition()):
        if time.monotonic() > end:
            raise AssertionError(f"waited {limit_s:g} s in vain for {what}")
        time.sleep(step_s)
    return answer
