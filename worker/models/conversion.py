"""From a value of JSON to the one that MLflow takes for a type of a signature, however deep it stands.

Null stands for what is left out: an optional value that is either is None, so that a model finds every name of its signature
in each input. Inside an array or an object MLflow converts nothing, so there each value has the exact type already.
"""

import math
from base64 import b64decode
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd

_LARGEST_FLOAT = float(np.finfo(np.float32).max)


class Unfit(ValueError):
    """Says what is wrong with a value; `path` leads from the value to the part to blame, as in `.size[2]`."""

    def __init__(self, problem: str, path: str = "") -> None:
        super().__init__(problem)
        self.problem, self.path = problem, path


def given_or_none(kind: str, required: bool, spec: Mapping[str, Any], name: str, given: Mapping[str, Any]) -> Any:
    """Returns the value of that name, converted; None for an optional one that is null or not there. Raises `Unfit`."""
    value = given.get(name)
    if not is_missing(value):
        return converted(kind, spec, value)
    if required and not (kind == "any" and name in given):
        raise Unfit("is missing")
    return None


def is_missing(value: Any) -> bool:
    """Tells null, and what a table has in its place."""
    return value is None or value is pd.NA or value is pd.NaT or (isinstance(value, float) and math.isnan(value))


def converted(kind: str, spec: Mapping[str, Any], value: Any) -> Any:
    """Returns the value as the type has it; raises `Unfit`. A type that is not known is let through.

    `spec` is the signature's, for the `items` of an array and the `properties` of an object.
    """
    if kind == "array":
        return _array(spec["items"], value)
    if kind == "object":
        return _object(spec["properties"], value)
    if kind not in _KINDS:
        return value
    words, convert = _KINDS[kind]
    try:
        return convert(value)
    except (ValueError, TypeError, OverflowError) as error:
        raise Unfit(f"must be {words}") from error


def _array(items: Mapping[str, Any], values: Any) -> list[Any]:
    if isinstance(values, np.ndarray):
        values = values.tolist()
    if not isinstance(values, list):
        raise Unfit("must be a list")
    kind, found = items["type"], []
    exact = _EXACT.get(kind, _same)
    for place, value in enumerate(values):
        try:
            found.append(exact(converted(kind, items, value)))
        except Unfit as error:
            raise Unfit(error.problem, f"[{place}]{error.path}") from error
    return found


def _object(properties: Mapping[str, Mapping[str, Any]], given: Any) -> dict[str, Any]:
    if not isinstance(given, Mapping):
        raise Unfit("must be an object")
    for name in given:
        if name not in properties:
            raise Unfit("is not known", f".{name}")
    return {name: _property(spec, name, given) for name, spec in properties.items()}


def _property(spec: Mapping[str, Any], name: str, given: Mapping[str, Any]) -> Any:
    try:
        value = given_or_none(spec["type"], spec.get("required", True), spec, name, given)
    except Unfit as error:
        raise Unfit(error.problem, f".{name}{error.path}") from error
    return value if value is None else _EXACT.get(spec["type"], _same)(value)


def _integer(bits: int) -> Callable[[Any], int]:
    def convert(value: Any) -> int:
        if isinstance(value, bool) or int(value) != value or not -(2 ** (bits - 1)) <= value < 2 ** (bits - 1):
            raise ValueError
        return int(value)

    return convert


def _number(largest: float) -> Callable[[Any], float]:
    def convert(value: Any) -> float:
        if isinstance(value, bool | str) or not math.isfinite(value) or abs(value) > largest:
            raise ValueError
        return float(value)

    return convert


def _datetime(value: Any) -> pd.Timestamp:
    """MLflow takes no time zones and counts nanoseconds: what has a zone is given in UTC, what does not fit is refused."""
    time = pd.Timestamp(value if isinstance(value, datetime) else datetime.fromisoformat(value)).as_unit("ns")
    return time if time.tzinfo is None else time.tz_convert(None)


def _exactly(kind: type) -> Callable[[Any], Any]:
    def convert(value: Any) -> Any:
        if not isinstance(value, kind):
            raise TypeError
        return value

    return convert


def _same(value: Any) -> Any:
    return value


_KINDS: dict[str, tuple[str, Callable[[Any], Any]]] = {
    "double": ("a finite number", _number(math.inf)),
    "float": ("a finite number that fits a float", _number(_LARGEST_FLOAT)),
    "long": ("an integer of 64 bits", _integer(64)),
    "integer": ("an integer of 32 bits", _integer(32)),
    "boolean": ("true or false", _exactly(bool)),
    "string": ("a string", _exactly(str)),
    "binary": ("base64", lambda value: b64decode(value, validate=True)),
    "datetime": ("a date and time in ISO 8601", _datetime),
}

_EXACT: dict[str, Callable[[Any], Any]] = {
    "float": np.float32,
    "integer": np.int32,
    "datetime": pd.Timestamp.to_datetime64,
}
"""MLflow takes a value inside an array or an object only if NumPy's type of it is the signature's."""
