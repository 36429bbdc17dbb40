"""From a value of JSON to the one that MLflow takes for a kind, however deep it stands.

The kind is one of a signature.

Null stands for what is left out: an optional value that is either is None, so that a model finds
every name of its signature in each input. Inside an array or an object MLflow converts nothing, so
there each value has the exact type already.
"""

import math
from base64 import b64decode
from collections.abc import Callable, Mapping
from datetime import date
from typing import Any

import numpy as np
import pandas as pd

from inference.models.data_types import COLUMN_TYPES, HINTED_DATE, DataType, Form
from inference.models.dates import nanoseconds, python_date
from inference.models.signature import Kind, ListOf, MapOf, ObjectOf, Property


class Unfit(ValueError):
    """Says what is wrong with a value.

    `path` leads from the value to the part to blame, as in `.size[2]`.
    """

    def __init__(self, problem: str, path: str = "") -> None:
        super().__init__(problem)
        self.problem, self.path = problem, path


def given_or_none(
    kind: Kind, required: bool, name: str, given: Mapping[str, Any], hinted: bool = False
) -> Any:
    """Returns the value of that name, converted; raises `Unfit`.

    None for an optional one that is null or not there.
    """
    value = given.get(name)
    if not is_missing(value):
        return converted(kind, value, hinted)
    if required and not (kind is COLUMN_TYPES["any"] and name in given):
        raise Unfit("is missing")
    return None


def is_missing(value: Any) -> bool:
    """Tells null, and what a table has in its place."""
    return (
        value is None
        or value is pd.NA
        or value is pd.NaT
        or (isinstance(value, float) and math.isnan(value))
    )


def converted(kind: Kind, value: Any, hinted: bool = False) -> Any:
    """Returns the value as its kind has it; raises `Unfit`.

    `hinted`: a type hint's value, which is Python's own, and has no more parts than were given.
    """
    if isinstance(kind, ListOf):
        if isinstance(value, np.ndarray):
            value = value.tolist()
        if not isinstance(value, list):
            raise Unfit("must be a list")
        return [_part(kind.item, part, f"[{place}]", hinted) for place, part in enumerate(value)]
    if isinstance(kind, MapOf | ObjectOf):
        if not isinstance(value, Mapping):
            raise Unfit("must be an object")
        if isinstance(kind, ObjectOf):
            return _object(kind.properties, value, hinted)
        return {name: _part(kind.item, part, f".{name}", hinted) for name, part in value.items()}
    try:
        if kind is HINTED_DATE:
            return python_date(value)
        return (_OWN.get(kind.name) or _BY_FORM[kind.form])(kind, value)
    except (ValueError, TypeError, OverflowError) as error:
        raise Unfit(f"must be {kind.words}") from error


def _part(kind: Kind, value: Any, path: str, hinted: bool) -> Any:
    """A part of a list, a map or an object, in the exact type that MLflow takes there."""
    try:
        found = converted(kind, value, hinted)
    except Unfit as error:
        raise Unfit(error.problem, f"{path}{error.path}") from error
    exact = None if hinted or not isinstance(kind, DataType) else _EXACT.get(kind.name)
    return exact(found) if exact else found


def _object(
    properties: tuple[Property, ...], given: Mapping[str, Any], hinted: bool
) -> dict[str, Any]:
    names = {one.name for one in properties}
    for name in given:
        if name not in names:
            raise Unfit("is not known", f".{name}")
    return {
        one.name: _property(one, given, hinted)
        for one in properties
        if one.name in given or not hinted
    }


def _property(one: Property, given: Mapping[str, Any], hinted: bool) -> Any:
    value, is_any = given.get(one.name), one.kind is COLUMN_TYPES["any"]
    if not is_missing(value):
        return _part(one.kind, value, f".{one.name}", hinted)
    if (one.required or one.never_null) and not (is_any and one.name in given):
        raise Unfit("is missing", f".{one.name}")
    return None


def _integer(kind: DataType, value: Any) -> int:
    """A table's integers may be floats, so 1.0 is one here."""
    if isinstance(value, bool) or int(value) != value or not kind.low <= value <= kind.high:
        raise ValueError
    return int(value)


def _number(kind: DataType, value: Any) -> float:
    if isinstance(value, bool | str) or not math.isfinite(value) or abs(value) > kind.high:
        raise ValueError
    return float(value)


def _boolean(_kind: DataType, value: Any) -> bool:
    if not isinstance(value, bool):
        raise TypeError
    return value


def _string(_kind: DataType, value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def _binary(kind: DataType, value: Any) -> bytes:
    return b64decode("".join(_string(kind, value).split()), validate=True)


def _datetime(_kind: DataType, value: Any) -> pd.Timestamp:
    """MLflow takes no time zones and counts nanoseconds.

    What has a zone is given in UTC, what does not fit is refused.
    """
    if isinstance(value, str):
        return pd.Timestamp(nanoseconds(value)).as_unit("ns")
    if not isinstance(value, date):
        raise TypeError
    time = pd.Timestamp(value).as_unit("ns")
    return time if time.tzinfo is None else time.tz_convert(None)


def _any(_kind: DataType, value: Any) -> Any:
    return value


_BY_FORM: dict[Form, Callable[[DataType, Any], Any]] = {
    Form.BOOLEAN: _boolean,
    Form.INTEGER: _integer,
    Form.NUMBER: _number,
    Form.STRING: _string,
    Form.ANY: _any,
}
_OWN: dict[str, Callable[[DataType, Any], Any]] = {"binary": _binary, "datetime": _datetime}
"""The conversions of types whose values are more than their form in JSON."""

_EXACT: dict[str, Callable[[Any], Any]] = {
    "float": np.float32,
    "integer": np.int32,
    "datetime": pd.Timestamp.to_datetime64,
}
"""MLflow takes a value inside an array or an object only by its NumPy type.

It must be the type that the signature has.
"""
