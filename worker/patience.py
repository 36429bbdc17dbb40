"""Waiting at start for what the worker relies on: a cluster starts everything at once, in no order."""

import time
from collections.abc import Callable
from typing import TypeVar

import structlog

from app.contract.errors import Misconfigured

log = structlog.get_logger()
T = TypeVar("T")

PAUSE_S = 0.5


def answered(trouble: str, ask: Callable[[], T], within_s: float, absent: type[Exception]) -> T:
    """Returns what `ask` answers, asking again while it raises `absent`; after `within_s` seconds raises `Misconfigured`.

    `trouble` begins the sentence of that, and is logged once when the waiting begins.
    """
    end = time.monotonic() + within_s
    said = False
    while True:
        try:
            return ask()
        except absent as error:
            if time.monotonic() > end:
                raise Misconfigured(f"{trouble} within {within_s:g} s: {error}") from error
            if not said:
                log.info("start.waiting", trouble=trouble, within_s=within_s, reason=str(error))
            said = True
        time.sleep(PAUSE_S)
