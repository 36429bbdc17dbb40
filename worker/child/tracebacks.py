"""Tells a model's author where the model failed.

The whole traceback is in the worker's log. Its last places are in the record's error, for the
history of a dead letter; gateways leave them out of what callers get.
"""

import linecache
import traceback
from dataclasses import replace
from types import TracebackType
from typing import Any

import orjson

from inference.store.messages import Outcome

MOST_LOGGED = 8_000
"""Characters of a traceback in the log; the last ones are kept."""

MOST_PLACES, MOST_CHARACTERS = 5, 400
"""Places of a traceback in a record's error, the last ones, and the characters of each."""

_OF_MODELS = ("model_error", "device_error")


def whole(error: BaseException) -> str:
    """Returns the traceback with all its causes, as Python prints it."""
    try:
        text = "".join(traceback.format_exception(error))
    except Exception:  # foreign code: an exception's text
        text = "".join(traceback.format_tb(error.__traceback__))
    return _printable(text)[-MOST_LOGGED:]


def last_places(error: BaseException) -> list[str]:
    """Returns the last places of a traceback, the innermost last, a line each."""
    places = [
        _printable(
            f'File "{frame.f_code.co_filename}", line {line}, in {frame.f_code.co_name}:'
            f" {linecache.getline(frame.f_code.co_filename, line, frame.f_globals).strip()}"
        )
        for frame, line in traceback.walk_tb(_tail(error.__traceback__))
    ]
    return [place[:MOST_CHARACTERS] for place in places]


def with_traceback(outcome: Outcome, error: BaseException) -> Outcome:
    """Adds the last places to the error of a record, if the model is to blame."""
    told: dict[str, Any] = orjson.loads(outcome.payload)
    places = last_places(error) if told.get("type") in _OF_MODELS else []
    return (
        replace(outcome, payload=orjson.dumps(told | {"traceback": places})) if places else outcome
    )


def _tail(trace: TracebackType | None) -> TracebackType | None:
    """Skips all but the last places: a recursion that was too deep has a thousand."""
    places = []
    while trace is not None:
        places.append(trace)
        trace = trace.tb_next
    return places[-MOST_PLACES:][0] if places else None


def _printable(text: str) -> str:
    return text.encode("utf-8", "replace").decode()
