"""The types of MLflow's signatures: what each is in JSON, in a JSON schema, in NumPy, and in words.

Gateway and worker go by these two tables, so that both take the same values and refuse the others
in the same words.
"""

from dataclasses import dataclass, field
from enum import Enum
from typing import Any


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


LARGEST_FLOAT, LARGEST_DOUBLE = 3.4028234663852886e38, 1.7976931348623157e308


def _boolean(name: str, dtype: str = "object") -> DataType:
    return DataType(name, Form.BOOLEAN, "true or false", dtype, json_schema={"type": "boolean"})


def _text(name: str, words: str = "a string", **schema: Any) -> DataType:
    return DataType(name, Form.STRING, words, json_schema={"type": "string"} | schema)


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
    fits = "" if largest == LARGEST_DOUBLE else f" that fits a {name}"
    return DataType(
        name,
        Form.NUMBER,
        f"a finite number{fits}",
        dtype,
        -largest,
        largest,
        {"type": "number"} | schema,
    )


def _by_name(*types: DataType) -> dict[str, DataType]:
    return {one.name: one for one in types}


_FLOAT_BOUNDS = {"minimum": -LARGEST_FLOAT, "maximum": LARGEST_FLOAT}

COLUMN_TYPES = _by_name(
    _boolean("boolean"),
    _integer("integer", 32, format="int32"),
    _integer("long", 64, format="int64"),
    _number("float", "float32", LARGEST_FLOAT, format="float", **_FLOAT_BOUNDS),
    _number("double", "float64", LARGEST_DOUBLE, format="double"),
    _text("string"),
    _text("binary", "base64", contentEncoding="base64"),
    DataType(
        "datetime",
        Form.STRING,
        "a date and time in ISO 8601",
        "datetime64[ns]",
        json_schema={"type": "string"},
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
    *(_integer(f"int{bits}", bits) for bits in (8, 16, 32, 64)),
    *(_unsigned(bits) for bits in (8, 16, 32, 64)),
)
"""By NumPy's names of a tensor's dtypes."""
