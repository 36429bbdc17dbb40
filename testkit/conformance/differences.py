"""Which stated difference a row is that differs; a row that is none of them is a fault.

Each rule looks at the input and both answers, so that it excuses no more than it says.
"""

import math
import re
from collections.abc import Callable
from datetime import UTC, datetime
from itertools import takewhile
from typing import Any

from testkit.conformance.cases import Input
from testkit.conformance.reference import NO_ROW, RAISED, UNSAID, Answer
from testkit.conformance.stated import (
    BASE64,
    BYTES,
    DATES,
    DATES_INSIDE,
    EXACT,
    FLAG,
    FLOATS,
    ISO,
    LEFT_OUT,
    NANOSECONDS,
    NO_JSON,
    NOT_FINITE,
    NULL,
    NULL_ANSWER,
    NUMBERED,
    RANGE,
    ROWLESS,
    SERIES,
    SHAPES,
    STRICT,
    STRINGS,
    UNKNOWN,
    WHOLE,
    ZONES,
    Difference,
)

RELATIVE = 1e-6
"""Floats may differ by this: a batch adds in another order than a row alone, and float32 has seven
digits."""

_ZONE = re.compile(r"\d{2}:\d{2}.*(?:Z|[+-]\d{2}:?\d{2})$")
_PATH = re.compile(r"\.([^.\[]+)|\[(\d+)\]")


def at_the_door(one: Input, ours: Answer) -> Difference | None:
    """Why the gateway refuses what MLflow takes; None if one of its reasons is none of these."""
    if not ours.value and ours.words.startswith("The body is not JSON"):
        return NOT_FINITE if _any([one.features, one.params], _not_finite) else None
    reasons = [
        _reason(value_at(one, path), message) for path, message in ours.value if path != "body"
    ]
    return reasons[0] if reasons and all(reasons) else None


def _reason(value: Any, message: str) -> Difference | None:
    """The first rule that holds. Null and NaN come first: they are of no type."""
    rules = [
        ("none of the model's" in message or message == "is not known", UNKNOWN),
        (value is None and message.startswith(("must", "is missing")), NULL),
        (_not_finite(value), NOT_FINITE),
        ("shape" in message or re.search(r"must have \d+ items", message), SHAPES),
        (message == "must be base64", BASE64),
    ]
    found = next((difference for holds, difference in rules if holds), None)
    return found or (_of_a_type(value, message) if message.startswith("must be") else None)


def _of_a_type(value: Any, message: str) -> Difference | None:
    number = _is_number(value)
    if "integer" in message and number:
        if value != int(value):
            return STRICT
        return RANGE if isinstance(value, int) or abs(value) >= 2**63 else None
    if "number" in message and number:
        return RANGE
    if "date and time" in message and isinstance(value, str):
        return None if _is_iso(value) else ISO
    return STRICT


def value_at(one: Input, path: str) -> Any:
    """The value that a field's path leads to; None where there is none."""
    part, _, rest = path.partition(".")
    if "[" in part:
        part, _, index = path.partition("[")
        rest, lead = f"[{index}", ""
    else:
        lead = "." if rest else ""
    value: Any = one.params if part == "params" else one.features
    for name, place in _PATH.findall(lead + rest):
        try:
            value = value[name] if name else value[int(place)]
        except (KeyError, IndexError, TypeError):
            return None
    return value


def taken(one: Input, theirs: Answer) -> Difference | None:
    """Why the service answers what MLflow does not."""
    words, given = theirs.words, one.features
    if theirs.kind == UNSAID:
        return NO_JSON
    if theirs.kind == RAISED:
        return LEFT_OUT if "columns are missing" in words else None
    inexact = re.search(r"Can not safely convert|Failed to enforce schema", words)
    rules = [
        ("timezone" in words and _any(given, _has_zone), ZONES),
        ("Expected type float, but got int" in words, WHOLE),
        ("against type hint" in words and _any(given, _is_iso), DATES_INSIDE),
        (inexact and _any(given, _is_number), EXACT),
    ]
    return next((difference for holds, difference in rules if holds), None)


def rowless(theirs: Answer, ours: Answer) -> Difference | None:
    """Whether both have no row for the input, each in its way."""
    return ROWLESS if theirs.kind == NO_ROW and ours.kind == "model_error" else None


def refused_late(one: Input, ours: Answer) -> Difference | None:
    """Why the worker refuses what MLflow takes and the gateway let through."""
    words = ours.words
    if ours.kind != "invalid_input":
        return None
    rules: list[tuple[str, Difference]] = [
        ("must have the shape", SHAPES),
        ("must be an array of", SHAPES),
        ("must be base64", BASE64),
        ("finite", NOT_FINITE),
    ]
    if "date and time" in words and not _any(one.features, _is_iso):
        return ISO
    return next((difference for mark, difference in rules if mark in words), None)


def between(theirs: Any, ours: Any) -> set[Difference] | None:
    """The differences between two answers; an empty set if there are none, None if they differ."""
    found: set[Difference] = set()
    if _same(theirs, ours, found):
        return found
    if isinstance(theirs, dict) and len(theirs) == 1 and not isinstance(ours, dict):
        found = {SERIES}
        if _same(next(iter(theirs.values())), ours, found):
            return found
    if isinstance(theirs, dict) and list(theirs) == [str(n) for n in range(len(theirs))]:
        found = {NUMBERED}
        if _same(list(theirs.values()), ours, found):
            return found
    return None


def _same(theirs: Any, ours: Any, found: set[Difference]) -> bool:
    if isinstance(theirs, dict) and isinstance(ours, dict):
        return theirs.keys() == ours.keys() and all(
            _same(value, ours[name], found) for name, value in theirs.items()
        )
    if isinstance(theirs, list) and isinstance(ours, list):
        return len(theirs) == len(ours) and all(
            _same(*both, found) for both in zip(theirs, ours, strict=True)
        )
    if type(theirs) is type(ours) and theirs == ours:
        return True
    rule = _alike(theirs, ours)
    if rule is not None:
        found.add(rule)
    return rule is not None


def _alike(theirs: Any, ours: Any) -> Difference | None:
    """The difference that two single values are."""
    if ours is None and (theirs == "NaT" or _not_finite(theirs)):
        return NULL_ANSWER
    if isinstance(theirs, float) and isinstance(ours, float):
        near = abs(theirs - ours) <= RELATIVE * max(abs(theirs), abs(ours), 1e-30)
        return FLOATS if near else None
    if isinstance(theirs, str) and isinstance(ours, str):
        return _alike_words(theirs, ours)
    if type(theirs) is int and isinstance(ours, str) and _since_1970(ours) == theirs:
        return NANOSECONDS
    return None


def _since_1970(text: str) -> int | None:
    if (moment := _moment(text)) is None:
        return None
    second, decimals = moment
    return int(second.timestamp()) * 10**9 + int(decimals.ljust(9, "0"))


def _alike_words(theirs: str, ours: str) -> Difference | None:
    if theirs.endswith("\n") and theirs.replace("\n", "") == ours:
        return BYTES
    if theirs.replace("str ", "object ", 1) == ours:
        return STRINGS
    if (theirs, ours) == ("bool np.False_", "object None"):
        return FLAG
    if (moment := _moment(theirs)) is not None and moment == _moment(ours):
        return DATES
    return None


def _not_finite(value: Any) -> bool:
    return isinstance(value, float) and (math.isnan(value) or abs(value) == float("inf"))


def _moment(text: str) -> tuple[datetime, str] | None:
    """The moment to the second, and its decimals, of which there may be nine."""
    whole, _, rest = text.partition(".")
    decimals = "".join(takewhile(str.isdigit, rest))
    try:
        found = datetime.fromisoformat(whole + rest[len(decimals) :])
    except ValueError:
        return None
    moment = found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)
    return moment, decimals.rstrip("0")


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_iso(value: Any) -> bool:
    return isinstance(value, str) and _moment(value) is not None


def _has_zone(value: Any) -> bool:
    return isinstance(value, str) and bool(_ZONE.search(value))


def _any(value: Any, holds: Callable[[Any], bool]) -> bool:
    if isinstance(value, dict):
        return any(_any(part, holds) for part in value.values())
    if isinstance(value, list):
        return any(_any(part, holds) for part in value)
    return holds(value)
