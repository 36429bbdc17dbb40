"""Dates and times of a request, in ISO 8601, to the nanosecond.

Gateway and worker read them here, so that what passes the door is what the model gets. Python reads
six digits of a second's fraction and drops the rest; MLflow's columns have nine.
"""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

_FRACTION = re.compile(r"((?<![+-])\d\d:\d\d:\d\d|[T ]\d{6})[.,](\d+)")
"""Of a second: it follows a whole time of day, in the extended or the basic form."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MOST_NS = 2**63 - 1
LONGEST = 64
"""Characters; no date has more."""


def nanoseconds(text: str) -> int:
    """Returns the nanoseconds since 1970 in UTC; a time without a zone is taken for UTC.

    Raises ValueError for what is no date in ISO 8601, has more than nine digits of a second's
    fraction that are not zero, or lies outside of the years 1677 to 2262, which is what 64 bits of
    nanoseconds hold (pandas' Timestamp.min and .max).
    """
    if len(text) > LONGEST or not text.isascii():
        raise ValueError("no date")
    text = text.upper()
    fraction = _FRACTION.search(text)
    digits = fraction[2].rstrip("0") if fraction else ""
    if len(digits) > 9:
        raise ValueError("more than nanoseconds")
    whole = _FRACTION.sub(r"\1", text, count=1)
    if "." in whole or "," in whole:
        raise ValueError("a fraction of something else")
    moment = datetime.fromisoformat(whole)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    found = (moment - _EPOCH) // timedelta(seconds=1) * 10**9 + int(digits.ljust(9, "0"))
    if not -_MOST_NS <= found <= _MOST_NS:
        raise ValueError("out of range")
    return found


def is_python_date(text: str) -> bool:
    """Says whether Python's own `datetime` holds it: any year from 1, and microseconds."""
    return _is_read(python_date, text)


def python_date(text: str) -> datetime:
    """Returns Python's own, with its zone if it has one; raises ValueError."""
    text = text.upper()
    fraction = _FRACTION.search(text)
    if len(text) > LONGEST or (fraction and len(fraction[2].rstrip("0")) > 6):
        raise ValueError("more than microseconds")
    return datetime.fromisoformat(text)


def is_date(text: str) -> bool:
    """Says whether `nanoseconds` reads it."""
    return _is_read(nanoseconds, text)


def _is_read(read: Callable[[str], object], text: str) -> bool:
    try:
        read(text)
    except (ValueError, OverflowError):
        return False
    return True
