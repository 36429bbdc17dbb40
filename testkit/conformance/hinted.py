"""The pyfunc models with type hints that are compared. Most answer the `repr` of what they see."""

import datetime as dt
from typing import Any

import pandas as pd
import pydantic
from mlflow.pyfunc.model import PythonModel
from mlflow.pyfunc.utils import pyfunc
from mlflow.types.type_hints import TypeFromExample


class Size(pydantic.BaseModel):
    width: float


class Item(pydantic.BaseModel):
    name: str
    price: float
    count: int = 1
    tags: list[str] | None = None
    made: dt.datetime | None = None
    size: Size | None = None


@pyfunc  # type: ignore[untyped-decorator]
def strings(model_input: list[str]) -> list[str]:
    return [text.upper() for text in model_input]


@pyfunc  # type: ignore[untyped-decorator]
def integers(model_input: list[int]) -> list[int]:
    return [number * 2 for number in model_input]


@pyfunc  # type: ignore[untyped-decorator]
def floats(model_input: list[float]) -> list[float]:
    return [number * 2 for number in model_input]


@pyfunc  # type: ignore[untyped-decorator]
def booleans(model_input: list[bool]) -> list[bool]:
    return [not flag for flag in model_input]


@pyfunc  # type: ignore[untyped-decorator]
def dates(model_input: list[dt.datetime]) -> list[str]:
    return [repr(date) for date in model_input]


@pyfunc  # type: ignore[untyped-decorator]
def binaries(model_input: list[bytes]) -> list[str]:
    return [repr(data) for data in model_input]


@pyfunc  # type: ignore[untyped-decorator]
def lists(model_input: list[list[float]]) -> list[float]:
    return [sum(numbers, 0.0) for numbers in model_input]


@pyfunc  # type: ignore[untyped-decorator]
def maps(model_input: list[dict[str, float]]) -> list[str]:
    return [repr(weights) for weights in model_input]


@pyfunc  # type: ignore[untyped-decorator]
def dicts(model_input: list[dict[str, Any]]) -> list[str]:
    return [repr(one) for one in model_input]


@pyfunc  # type: ignore[untyped-decorator]
def anything(model_input: list[Any]) -> list[str]:
    return [repr(one) for one in model_input]


def twice(model_input: list[float]) -> list[float]:
    return [number * 2 for number in model_input]


class Items(PythonModel):
    def predict(  # type: ignore[override]
        self, model_input: list[Item], params: Any = None
    ) -> list[str]:
        del params
        return [repr(item) for item in model_input]


class Frame(PythonModel):
    def predict(  # type: ignore[override]
        self, model_input: pd.DataFrame, params: Any = None
    ) -> pd.DataFrame:
        del params
        return model_input.assign(x=model_input["x"] * 2)


class Exampled(PythonModel):
    def predict(  # type: ignore[override]
        self, model_input: TypeFromExample, params: Any = None
    ) -> Any:
        del params
        return [repr(one) for one in model_input]  # type: ignore[attr-defined]


EXAMPLES: dict[str, Any] = {
    "strings": ["tea", "coffee"],
    "integers": [1, 2],
    "dates": [dt.datetime(2026, 1, 31, 8, 0)],
    "binaries": [b"hi"],
    "lists": [[1.5, 2.5]],
    "maps": [{"a": 1.5}],
    "dicts": [{"a": 1, "b": [1, "x"]}],
    "anything": [1],
    "Items": [{"name": "tea", "price": 2.5}],
    "Frame": pd.DataFrame({"x": [1.5], "s": ["tea"]}),
    "Exampled": ["tea", "coffee"],
}
"""The examples that are logged with the models. Workers warm up with them."""
