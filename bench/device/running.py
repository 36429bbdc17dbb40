"""Runs steps one after the other, each within its limit and all within a budget.

A step that fails does not stop the next.
"""

import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType
from typing import Generic, TypeVar

from bench.device.report import Result

T = TypeVar("T")


class OutOfTime(BaseException):
    """A step took too long. No Exception, so that nothing on the way catches it."""


@dataclass(frozen=True)
class Step(Generic[T]):
    """`run` gets where it runs, and what takes the rows of its report."""

    name: str
    limit_s: float
    run: Callable[[T, Callable[..., None]], object]


@dataclass(frozen=True)
class Clock:
    """Runs steps within a budget.

    `end` is when the budget is spent, by `time.monotonic`. `patience` is the factor that a step's
    limit is multiplied by.
    """

    end: float
    patience: float = 1.0

    def run(self, step: Step[T], at: T) -> Result:
        """Runs a step and returns its report, whatever it raises."""
        result, began = Result(step.name), time.monotonic()
        limit_s = min(step.limit_s * self.patience, self.end - began)
        if limit_s <= 0:
            return self.skipped(step)
        print(f"{step.name} …", file=sys.stderr, flush=True)
        try:
            with _limit(limit_s):
                step.run(at, result.say)
        except OutOfTime:
            result.problem = f"it was broken off after {round(limit_s, 1):g} s"
        except Exception as error:  # a failed step must not cost those after it
            result.problem = f"{type(error).__name__}: {error}"
        result.seconds = time.monotonic() - began
        print(
            f"{step.name}: {result.problem or 'good'}, {result.seconds:.0f} s",
            file=sys.stderr,
            flush=True,
        )
        return result

    @staticmethod
    def skipped(step: Step[T]) -> Result:
        """A step that was not run."""
        return Result(step.name, "it was not run")


@contextmanager
def _limit(seconds: float) -> Iterator[None]:
    """Raises OutOfTime in the main thread.

    A thread for each step would not do: what it starts dies with it (prctl(2)).
    """

    def ring(_number: int, _frame: FrameType | None) -> None:
        raise OutOfTime

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
