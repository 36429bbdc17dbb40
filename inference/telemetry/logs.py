"""Sets up logging: one JSON object a line on standard output, also for the libraries' own logs.

A line has the ids of the request or claim that it is about (`set_current`). It never has an input,
an output or a secret.
"""

import json
import logging
import signal
import sys
from collections.abc import Callable
from contextlib import suppress

import orjson
import structlog
from structlog.typing import EventDict, WrappedLogger

from inference.telemetry.current import current_ids

LEVELS = {"DEBUG": 10, "INFO": 20, "WARNING": 30, "ERROR": 40}


class _Least:
    """The least level of the lines that are written now."""

    level = logging.INFO


def _drop_lesser(_: WrappedLogger, method: str, event: EventDict) -> EventDict:
    if LEVELS.get(method.upper(), logging.ERROR) < _Least.level:
        raise structlog.DropEvent
    return event


def _add_ids(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """Adds the present ids. What the line says itself stands."""
    for name, value in current_ids().items():
        event.setdefault(name, value)
    return event


_SHARED: list[structlog.typing.Processor] = [
    _add_ids,
    structlog.stdlib.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.format_exc_info,
]


def _dumps(event: object, **_: object) -> str:
    try:
        return orjson.dumps(event, default=str).decode()
    except TypeError:
        # Half a surrogate pair, or an integer of more than 64 bits: in an exception's words,
        # anything may stand.
        return json.dumps(event, default=str)


def set_up_logging(level: str = "INFO") -> None:
    """Called once, by the program's edge; called again it changes no more than the level."""
    renderer = structlog.processors.JSONRenderer(serializer=_dumps)
    structlog.configure(
        processors=[_drop_lesser, *_SHARED, renderer],
        logger_factory=structlog.WriteLoggerFactory(sys.stdout),
        cache_logger_on_first_use=True,
        wrapper_class=structlog.make_filtering_bound_logger(logging.DEBUG),
    )
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*_SHARED, structlog.stdlib.add_logger_name],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    logging.basicConfig(handlers=[handler], force=True)
    set_log_level(level)
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):
        logging.getLogger(name).handlers.clear()
        logging.getLogger(name).propagate = name != "uvicorn.access"


def set_log_level(level: str) -> None:
    """Sets the least level, by its name, of all lines from now on.

    The libraries' debug lines are never written: some of them have passwords.
    """
    _Least.level = LEVELS[level]
    logging.getLogger().setLevel(max(_Least.level, logging.INFO))


def debugging() -> bool:
    """Whether lines of the level DEBUG are written. It is cheaper than to write none."""
    return _Least.level <= logging.DEBUG


def change_level_by_signal(level: str, also: Callable[[str], None] = lambda _: None) -> None:
    """Has SIGUSR1 set the level DEBUG, and SIGUSR2 set `level` again.

    `also` hears of the new level. A program that does not run on its main thread has no signals.
    """

    def change(number: int, _frame: object) -> None:
        now = "DEBUG" if number == signal.SIGUSR1 else level
        set_log_level(now)
        structlog.get_logger().warning("log.level_changed", to=now)
        also(now)

    with suppress(ValueError):
        for number in (signal.SIGUSR1, signal.SIGUSR2):
            signal.signal(number, change)
