"""From a value of a table to the JSON value that a caller would send in its place.

So a row passes the same checks as a request, and gets the same answer. Null, NaN and NaT of a table
stand for what is missing, and so does an empty value of a CSV.
"""

import json
import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from inference.models.data_types import COLUMN_TYPES, DataType, Form
from inference.models.signature import Kind, ListOf, MapOf, ObjectOf
from worker.models.conversion import is_missing
from worker.models.json_values import json_value

_NUMBERS = (Form.INTEGER, Form.NUMBER)
_INTEGER = re.compile(r"[+-]?\d{1,400}")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?|[nN]a[nN]")


def value_of(kind: Kind, value: Any, *, text: bool) -> Any:
    """Returns the value as JSON has it; None for what is missing.

    `text`: the value is a text that stands for it, as in a CSV. What can't be one of the kind stays
    as it is, for the checks to refuse it.
    """
    if text:
        value = _told(kind, value) if value else None
    elif isinstance(value, str) and not isinstance(kind, DataType):
        value = _parsed(value)
    return _plain(kind, value)


def _told(kind: Kind, text: str) -> Any:
    """What the text of a CSV says."""
    if not isinstance(kind, DataType) or kind.form is Form.ANY:
        return _parsed(text)
    if kind.form is Form.BOOLEAN:
        return {"true": True, "false": False}.get(text.strip().lower(), text)
    if kind.form is Form.STRING:
        return text
    if _INTEGER.fullmatch(text.strip()):
        return int(text)
    return float(text) if _NUMBER.fullmatch(text.strip()) else text


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def _plain(kind: Kind, value: Any) -> Any:
    if is_missing(value):
        return None
    if isinstance(kind, ListOf) and isinstance(value, list):
        return [_plain(kind.item, item) for item in value]
    if isinstance(kind, MapOf | ObjectOf) and isinstance(value, dict | list):
        return _object(kind, dict(value) if _is_pairs(value) else value)
    if isinstance(value, Decimal) and isinstance(kind, DataType) and kind.form in _NUMBERS:
        return int(value) if value == value.to_integral_value() else float(value)
    return json_value(value)


def _object(kind: MapOf | ObjectOf, value: Any) -> Any:
    """In a column of objects each has all names, and null is what an object has no value for."""
    if not isinstance(value, Mapping):
        return value
    known = {one.name: one for one in kind.properties} if isinstance(kind, ObjectOf) else {}
    other = kind.item if isinstance(kind, MapOf) else COLUMN_TYPES["any"]
    plain = {
        name: _plain(known[name].kind if name in known else other, part)
        for name, part in value.items()
    }
    return {
        name: part
        for name, part in plain.items()
        if part is not None or (name in known and known[name].required)
    }


def _is_pairs(value: Any) -> bool:
    """Arrow has a map as a list of its pairs."""
    return isinstance(value, list) and all(isinstance(one, tuple) for one in value)
