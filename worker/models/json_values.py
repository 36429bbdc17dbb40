"""From a value in a model's answer to one that JSON has words for.

It writes what MLflow's scoring server writes (`mlflow.utils.proto_json_utils.NumpyEncoder`), and
takes more: docs/models.md has the table of values, with what differs and why.

NaN and infinities stay as they are: RESULT_NAN decides about them when the result is written.
"""

import datetime
import ipaddress
import json
import math
import uuid
from base64 import b64encode
from collections.abc import (
    Callable,
    Collection,
    Hashable,
    Iterable,
    Mapping,
    Sequence,
    Set,
    ValuesView,
)
from dataclasses import fields, is_dataclass
from decimal import Decimal
from enum import Enum
from functools import lru_cache
from pathlib import PurePath
from typing import Any, cast

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pandas.api.extensions import ExtensionArray
from pydantic import BaseModel

from inference.errors import UnfitAnswer
from worker.models.tensors import BY_KIND, NoJson, array_of, duration

TEXTS = (
    uuid.UUID,
    PurePath,
    pd.Period,
    pd.Interval,
    ipaddress.IPv4Address,
    ipaddress.IPv6Address,
)
"""Types whose values are written as their own text."""
_AS_THEY_ARE = frozenset({bool, float, int, str, type(None)})
MOMENTS = (datetime.date, datetime.time)


def row_value(row: Any) -> Any:
    """Returns one row of an answer as JSON's values.

    A row that is none gives an `UnfitAnswer` that names the place: it fails alone. What the model
    itself answers as an error stays one.
    """
    if isinstance(row, BaseException):
        return row
    try:
        return json_value(row)
    except NoJson as error:
        return UnfitAnswer(str(error))
    except RecursionError:
        return UnfitAnswer("result is nested too deeply for JSON")


def json_value(value: Any) -> Any:
    """Returns a value as JSON's values; raises `NoJson`."""
    kind = type(value)
    return value if kind in _AS_THEY_ARE else _converter(cast(Hashable, kind))(value)


def key_name(key: Any) -> str:
    """Returns a mapping's key or a column's name as JSON has it; raises `NoJson`."""
    for kinds, name in _KEYS:
        if isinstance(key, kinds):
            return name(key)
    raise NoJson(f"has a key of the type {type(key).__qualname__}, which is no name in JSON")


@lru_cache(maxsize=1024)
def _converter(kind: Any) -> Callable[[Any], Any]:
    for kinds, convert in _CONVERTERS:
        if issubclass(kind, kinds):
            return convert
    return _other


def _other(value: Any) -> Any:
    array = array_of(value)
    if array is not None:
        return _of_array(array)
    if is_dataclass(value) and not isinstance(value, type):
        return _of_mapping({one.name: getattr(value, one.name) for one in fields(value)})
    raise NoJson(f"is of the type {type(value).__qualname__}, which is not JSON")


def _of_mapping(value: Mapping[Any, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, part in value.items():
        name = key_name(key)
        if name in found:
            raise NoJson(f"has two parts of one name: {name:.80}")
        try:
            found[name] = json_value(part)
        except NoJson as error:
            error.steps.append(f".{name}")
            raise
    return found


def _of_items(value: Iterable[Any]) -> list[Any]:
    found: list[Any] = []
    for place, one in enumerate(value):
        try:
            found.append(json_value(one))
        except NoJson as error:
            error.steps.append(f"[{place}]")
            raise
    return found


def _of_set(value: Collection[Any]) -> list[Any]:
    """In an order of its own, so that the same answer is always the same JSON."""

    def order(item: Any) -> tuple[str, Any]:
        return type(item).__name__, item if isinstance(item, str | int | float) else repr(item)

    return sorted(_of_items(value), key=order)


def _of_array(array: NDArray[Any]) -> Any:
    if array.dtype.names:
        return _of_records(array, array.dtype.names)
    convert = BY_KIND.get(array.dtype.kind)
    return convert(array) if convert else json_value(array.tolist())


def _of_records(array: NDArray[Any], names: Sequence[str]) -> list[Any]:
    """A record is a list of its fields, as NumPy's own `tolist` has it."""
    if array.ndim:
        return [_of_records(np.asarray(one), names) for one in array]
    return [_of_array(np.asarray(array[name])) for name in names]


def _of_frame(value: pd.DataFrame) -> list[Any]:
    """A frame in a row: a list of its rows. The index is no part of it, as in MLflow."""
    if len(set(map(key_name, value.columns))) != value.shape[1]:
        raise NoJson("has two columns of one name")
    return _of_items(value.to_dict(orient="records"))


def _decimal(value: Decimal) -> Any:
    """As text, with every digit: a reader of JSON would round a number."""
    return str(value) if value.is_finite() else math.nan if value.is_nan() else float(value)


_CONVERTERS: Sequence[tuple[type | tuple[type, ...], Callable[[Any], Any]]] = (
    ((bool, type(None)), lambda value: value),
    (Enum, lambda value: json_value(value.value)),
    (str, str),
    ((bytes, bytearray, memoryview), lambda value: b64encode(bytes(value)).decode()),
    (np.ndarray, _of_array),
    (np.generic, lambda value: _of_array(np.asarray(value))),
    ((type(pd.NaT), type(pd.NA)), lambda _: None),
    (int, int),
    (float, float),
    (complex, lambda value: [value.real, value.imag]),
    (Decimal, _decimal),
    (MOMENTS, lambda value: value.isoformat()),
    (datetime.timedelta, duration),
    (TEXTS, str),
    (BaseModel, lambda value: json_value(value.model_dump())),
    (pd.DataFrame, _of_frame),
    (Mapping, _of_mapping),
    (Set, _of_set),
    ((Sequence, ValuesView, pd.Series, pd.Index, ExtensionArray), _of_items),
)
"""The first that fits: a float of NumPy's is a float of Python's too, and NaT a datetime."""

_KEYS: Sequence[tuple[type | tuple[type, ...], Callable[[Any], str]]] = (
    (Enum, lambda key: key_name(key.value)),
    (str, str),
    ((bool, type(None)), json.dumps),
    (np.datetime64, str),
    (np.generic, lambda key: key_name(key.item())),
    ((int, float), repr),
    (tuple, lambda key: ".".join(filter(None, map(key_name, key)))),
    (MOMENTS, lambda key: key.isoformat()),
    (TEXTS, str),
)
"""A tuple is what names a column of several levels."""
