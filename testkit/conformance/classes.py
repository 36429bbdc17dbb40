"""The pyfunc classes that are compared. They stand apart, since importing MLflow takes seconds.

Where a class stands for what a model sees, it answers the `repr` of it.
"""

import datetime as dt
import decimal
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from pprint import pformat
from typing import Any

import numpy as np
import pandas as pd
import pydantic
from mlflow.pyfunc.model import PythonModel


class Seen(PythonModel):
    """Answers what it sees of each row: the names, the dtypes and the values."""

    def predict(self, context: Any, model_input: Any, params: Any = None) -> list[Any]:
        del context
        if isinstance(model_input, dict):
            parts = zip(*model_input.values(), strict=True)
            return [repr([part.tolist() for part in row]) for row in parts]
        if isinstance(model_input, np.ndarray):
            # A text's dtype has the length of the longest, which may be a mate's.
            dtype = "str" if model_input.dtype.kind == "U" else model_input.dtype
            return [f"{dtype} {row.tolist()}" for row in model_input]
        rows = [
            {
                str(name): f"{column.dtype} {pformat(column.iloc[at], width=10**6)}"
                for name, column in model_input.items()
            }
            for at in range(len(model_input))
        ]
        return [{"row": row, "params": pformat(params)} for row in rows] if params else rows


class Echo(PythonModel):
    """Answers the frame that it got, dates and bytes among it."""

    def predict(self, context: Any, model_input: Any, params: Any = None) -> Any:
        del context, params
        return model_input


class Scaled(PythonModel):
    """Has an artifact with its factor."""

    factor = 0.0

    def load_context(self, context: Any) -> None:
        self.factor = json.loads(Path(context.artifacts["factor"]).read_text())["factor"]

    def predict(self, context: Any, model_input: pd.DataFrame, params: Any = None) -> Any:
        del context, params
        return model_input["x"] * self.factor


@dataclass
class Score:
    label: str
    value: float


class Item(pydantic.BaseModel):
    name: str
    price: float


class Answering(PythonModel):
    """Answers the column `x` in the form that it was made with."""

    def __init__(self, form: str) -> None:
        self.form = form

    def predict(self, context: Any, model_input: pd.DataFrame, params: Any = None) -> Any:
        del context, params
        return getattr(self, f"as_{self.form}")(model_input["x"])

    def as_series(self, x: Any) -> Any:
        return x.rename("twice") * 2

    def as_nameless(self, x: Any) -> Any:
        return pd.Series((x * 2).to_list())

    def as_generator(self, x: Any) -> Iterator[float]:
        yield from (float(value) * 2 for value in x)

    def as_lists(self, x: Any) -> Any:
        return {"twice": (x * 2).to_list(), "text": [f"{value:g}" for value in x]}

    def as_arrays(self, x: Any) -> Any:
        return {"wide": np.stack([x, x * 2], axis=1), "flags": np.array(x > 0)}

    def as_text(self, x: Any) -> Any:
        return f"done: {len(x)}"

    def as_one(self, x: Any) -> Any:
        return {"sum": float(x.sum())}

    def as_gaps(self, x: Any) -> Any:
        return pd.DataFrame({"nan": x * np.nan, "inf": x * np.inf, "nat": pd.NaT, "none": None})

    def as_dates(self, x: Any) -> Any:
        when = pd.Timestamp("2026-01-31T08:00:00.123456789")
        return pd.DataFrame(
            {
                "stamp": [when + pd.Timedelta(hours=float(value) % 1000) for value in x],
                "zone": [pd.Timestamp("2026-01-31T08:00", tz="Europe/Rome") for _ in x],
                "date": [dt.date(2026, 1, 31) for _ in x],
                "time": [dt.time(8, 30) for _ in x],
            }
        )

    def as_numpy_dates(self, x: Any) -> Any:
        return np.array(["2026-01-31T08:00"] * len(x), dtype="datetime64[ns]")

    def as_decimals(self, x: Any) -> Any:
        return [decimal.Decimal("1.10") * int(value) for value in x]

    def as_bytes(self, x: Any) -> Any:
        return [f"{value:g}".encode() * 30 for value in x]

    def as_categories(self, x: Any) -> Any:
        return pd.DataFrame(
            {"kind": pd.Categorical(["up" if value > 0 else "down" for value in x])}
        )

    def as_dataclasses(self, x: Any) -> Any:
        return [Score("x", float(value)) for value in x]

    def as_pydantic(self, x: Any) -> Any:
        return [Item(name="x", price=float(value)) for value in x]

    def as_numpy_parts(self, x: Any) -> Any:
        return [{"a": np.float32(value), "b": np.int64(3), "c": np.array([value])} for value in x]

    def as_ragged(self, x: Any) -> Any:
        return [list(range(int(abs(value)) % 4)) for value in x]
