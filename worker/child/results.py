"""Writes a model's result as the JSON that its caller gets, and an error as text.

JSON has no NaN and no infinity. RESULT_NAN says what becomes of them: null, or an error that names
the place. An integer of more than 64 bits is written digit by digit.
"""

import math
from typing import Any, Literal

import orjson

from inference.errors import (
    InputUnavailable,
    PayloadUnavailable,
    Permanent,
    UnfitAnswer,
    error_text,
)

MOST_MESSAGE = 2_000
"""Characters of an exception's text that a record keeps."""

_LARGEST, _SMALLEST = 2**64 - 1, -(2**63)
"""What orjson writes itself."""


def result_json(result: Any, not_finite: Literal["null", "error"]) -> bytes:
    """Returns the bytes.

    Raises `UnfitAnswer`, with the place, for what can't be JSON and, with `not_finite="error"`, for
    a number that is none.
    """
    try:
        if not_finite == "error" and (place := _not_finite(result)) is not None:
            raise UnfitAnswer(f"result{place:.80} is no finite number, and RESULT_NAN=error")
        try:
            return orjson.dumps(result)
        except TypeError:
            return orjson.dumps(_exact(result, "result"))
    except (TypeError, RecursionError) as error:
        raise UnfitAnswer(f"the model's result is not JSON: {error}") from error


def error_message(error: BaseException) -> str:
    """Returns what is said of an error: of a foreign one its type, too."""
    plain = Permanent | InputUnavailable | PayloadUnavailable
    text = error_text(error)
    text = (
        text or type(error).__name__
        if isinstance(error, plain)
        else f"{type(error).__name__}: {text}"
    )
    return text.encode("utf-8", "replace").decode()[:MOST_MESSAGE]


def _not_finite(value: Any) -> str | None:
    """The first place of such a number, '' for the value itself; None if there is none."""
    if isinstance(value, float):
        return None if math.isfinite(value) else ""
    if isinstance(value, dict):
        for name, part in value.items():
            if (place := _not_finite(part)) is not None:
                return f".{name}{place}"
    elif isinstance(value, list):
        for at, part in enumerate(value):
            if (place := _not_finite(part)) is not None:
                return f"[{at}]{place}"
    return None


def _exact(value: Any, place: str) -> Any:
    """The same with its large integers written out; what has no JSON is named by its place."""
    match value:
        case dict():
            return {name: _exact(part, f"{place}.{name}") for name, part in value.items()}
        case list() | tuple():
            return [_exact(part, f"{place}[{at}]") for at, part in enumerate(value)]
        case int() if not _SMALLEST <= value <= _LARGEST:
            return _digits(value, place)
    try:
        orjson.dumps(value)
    except TypeError as error:
        raise UnfitAnswer(
            f"{place:.80} is of the type {type(value).__name__}, which is not JSON: {error}"
        ) from error
    return value


def _digits(value: int, place: str) -> orjson.Fragment:
    try:
        return orjson.Fragment(str(value).encode())
    except ValueError as error:  # Python's own limit of 4,300 digits
        raise UnfitAnswer(f"{place:.80} has too many digits: {error}") from error
