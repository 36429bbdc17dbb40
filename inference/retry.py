"""Calls something again until it works or its time is up: the one retry loop of the service."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

import structlog

from inference.errors import Misconfigured

log = structlog.get_logger()
T = TypeVar("T")

START_PAUSE_S = 0.5
"""Between two calls while a program waits at start."""


@dataclass
class _Pauses:
    """The pauses between two calls.

    None is given that would end after `end`, by `time.monotonic`.
    """

    end: float
    pause_s: float
    max_pause_s: float

    def next(self) -> float | None:
        """Returns the length of the next pause, None if there is no time for one."""
        pause_s = self.pause_s
        if time.monotonic() + pause_s > self.end:
            return None
        self.pause_s = min(pause_s * 2, self.max_pause_s)
        return pause_s


def _pauses(timeout_s: float, pause_s: float, max_pause_s: float | None) -> _Pauses:
    return _Pauses(
        time.monotonic() + timeout_s, pause_s, pause_s if max_pause_s is None else max_pause_s
    )


def retry_until(
    call: Callable[[], T],
    on: type[Exception],
    *,
    timeout_s: float,
    pause_s: float,
    max_pause_s: float | None = None,
    on_first_error: Callable[[Exception], object] | None = None,
) -> T:
    """Calls `call` until it stops raising `on`, and returns its answer.

    After `timeout_s` the last error is raised. The pause between two calls is `pause_s`, doubled
    each time up to `max_pause_s` if that is given. `on_first_error` is called when the first pause
    begins. A call that takes long is not interrupted.
    """
    pauses = _pauses(timeout_s, pause_s, max_pause_s)
    first = True
    while True:
        try:
            return call()
        except on as error:
            if (pause := pauses.next()) is None:
                raise
            if first and on_first_error is not None:
                on_first_error(error)
            first = False
        time.sleep(pause)


async def retry_until_async(
    call: Callable[[], Awaitable[T]],
    on: type[Exception],
    *,
    timeout_s: float,
    pause_s: float,
    on_first_error: Callable[[Exception], object] | None = None,
) -> T:
    """As `retry_until`, on the event loop."""
    pauses = _pauses(timeout_s, pause_s, None)
    tell = on_first_error
    while True:
        try:
            return await call()
        except on as error:
            if (pause := pauses.next()) is None:
                raise
            if tell is not None:
                tell(error)
            tell = None
        await asyncio.sleep(pause)


def wait_at_start(trouble: str, call: Callable[[], T], timeout_s: float, on: type[Exception]) -> T:
    """Calls `call` until it stops raising `on`: a cluster starts everything at once, in no order.

    After `timeout_s` raises `Misconfigured`, with a sentence that `trouble` begins. Logs once when
    it has to wait.
    """
    try:
        return retry_until(
            call,
            on,
            timeout_s=timeout_s,
            pause_s=START_PAUSE_S,
            on_first_error=lambda error: log.info(
                "start.waiting", trouble=trouble, within_s=timeout_s, reason=str(error)
            ),
        )
    except on as error:
        raise Misconfigured(f"{trouble} within {timeout_s:g} s: {error}") from error
