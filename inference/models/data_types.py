"""The types of MLflow's signatures: what each is in JSON, in a JSON schema, in NumPy, and in words.

Gateway and worker go by these two tables, so that both take the same values and refuse the others
in the same words.
"""

import binascii
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Any

from inference.models.dates import is_date, is_python_date


class Form(Enum):
    """What a value is in JSON."""

    BOOLEAN = "boolean"
    INTEGER = "integer"
    NUMBER = "number"
    STRING = "string"
    ANY = "any"


@dataclass(frozen=True, slots=True)
class DataType:
    """A type of single values."""

    name: str
    form: Form
    words: str = ""
    """Ends the sentence "x must be …"."""
    dtype: str = "object"
    """NumPy's, of a column of such values."""
    low: float = 0
    high: float = 0
    """The bounds of an integer or a number, both included. An integer's are ints."""
    json_schema: dict[str, Any] = field(default_factory=dict, hash=False)
    valid: Callable[[str], bool] | None = None
    """What a string must be beyond a string."""
    whole_floats: bool = False
    """An integer may be written as `3.0`, as MLflow decides it for a column and a tensor."""


def is_base64(text: str) -> bool:
    """Says whether it is base64, with line breaks or without (RFC 2045, 6.8)."""
    try:
        binascii.a2b_base64("".join(text.split()), strict_mode=True)
    except ValueError:  # binascii.Error, or a character that is not ASCII
        return False
    return True


LARGEST_FLOAT, LARGEST_DOUBLE = 3.4028234663852886e38, 1.7976931348623157e308


def _boolean(name: str, dtype: str = "object") -> DataType:
    return DataType(name, Form.BOOLEAN, "true or false", dtype, json_schema={"type": "boolean"})


def _text(
    name: str,
    words: str = "a string",
    dtype: str = "object",
    valid: Callable[[str], bool] | None = None,
    **schema: Any,
) -> DataType:
    shown = {"type": "string"} | schema
    return DataType(name, Form.STRING, words, dtype, json_schema=shown, valid=valid)


def _integer(name: str, bits: int, **schema: Any) -> DataType:
    low, high = -(2 ** (bits - 1)), 2 ** (bits - 1) - 1
    bounds = {"type": "integer", "minimum": low, "maximum": high}
    return DataType(
        name, Form.INTEGER, f"an integer of {bits} bits", f"int{bits}", low, high, bounds | schema
    )


def _unsigned(bits: int) -> DataType:
    high = 2**bits - 1
    bounds = {"type": "integer", "minimum": 0, "maximum": high}
    return DataType(
        f"uint{bits}", Form.INTEGER, f"an integer from 0 to {high}", f"uint{bits}", 0, high, bounds
    )


def _number(name: str, dtype: str, largest: float, **schema: Any) -> DataType:
    """JSON has no number beyond a double's, so the schema of one needs no bounds."""
    double = largest == LARGEST_DOUBLE
    fits, bounds = ("", {}) if double else (f" that fits a {name}", _between(-largest, largest))
    return DataType(
        name,
        Form.NUMBER,
        f"a finite number{fits}",
        dtype,
        -largest,
        largest,
        {"type": "number"} | schema | bounds,
    )


def _between(low: float, high: float) -> dict[str, float]:
    return {"minimum": low, "maximum": high}


def _by_name(*types: DataType) -> dict[str, DataType]:
    return {one.name: one for one in types}


HINTED_DATE = _text(
    "datetime",
    "a date and time in ISO 8601, to the microsecond",
    "object",
    is_python_date,
    format="date-time",
    description="ISO 8601, with a zone or without one, to the microsecond.",
)
"""Of a type hint, whose values are Python's own."""

_BASE64 = "^([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$"

COLUMN_TYPES = _by_name(
    _boolean("boolean"),
    _integer("integer", 32, format="int32"),
    _integer("long", 64, format="int64"),
    _number("float", "float32", LARGEST_FLOAT, format="float"),
    _number("double", "float64", LARGEST_DOUBLE, format="double"),
    _text("string"),
    _text(
        "binary",
        "base64",
        valid=is_base64,
        contentEncoding="base64",
        pattern=_BASE64,
        description="base64; line breaks are taken too.",
    ),
    _text(
        "datetime",
        "a date and time in ISO 8601, from 1677-09-22 to 2262-04-11, to the nanosecond",
        "datetime64[ns]",
        is_date,
        format="date-time",
        description="ISO 8601, with a zone or without one (UTC), to the nanosecond,"
        " from 1677-09-22 to 2262-04-11.",
    ),
    DataType("any", Form.ANY),
)
"""By MLflow's names of a column's types."""

TENSOR_TYPES = _by_name(
    _boolean("bool", "bool"),
    _number("float16", "float16", 65504.0),
    _number("float32", "float32", LARGEST_FLOAT),
    _number("float64", "float64", LARGEST_DOUBLE),
    _text("str"),
    _text("object"),
    *(replace(_integer(f"int{bits}", bits), whole_floats=True) for bits in (8, 16, 32, 64)),
    *(replace(_unsigned(bits), whole_floats=True) for bits in (8, 16, 32, 64)),
)
"""By NumPy's names of a tensor's dtypes."""
