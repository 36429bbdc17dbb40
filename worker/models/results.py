"""From what a model answers for a batch to one JSON value a row.

A number that is not finite has no JSON; it is an error of the model, and the runner finds the row by running each alone.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from app.contract.errors import InvalidInput

NOT_FINITE = "the model answered a number that is not finite"


def rows_of(output: Any, count: int) -> list[Any]:
    """Splits an output (array, frame, list, or a mapping of them) into rows; raises ValueError if they are not `count`."""
    rows = [_plain(row) for row in _split(output)]
    if len(rows) != count:
        raise ValueError(f"the model answered {len(rows)} rows for {count} inputs")
    return rows


def named(row: Any, names: Sequence[str]) -> Any:
    """Makes a row of scores `{name: score, …, "outcome": the name of the highest}`; without names it stays as it is."""
    if not names or isinstance(row, InvalidInput):
        return row
    scores = list(row.values()) if isinstance(row, dict) else row
    if not isinstance(scores, list) or len(scores) != len(names):
        raise ValueError(f"the model has {len(names)} outputs by name and answered {scores!r:.80}")
    return dict(zip(names, scores, strict=True)) | {"outcome": max(zip(scores, names, strict=True))[1]}


def _split(output: Any) -> list[Any]:
    if isinstance(output, pd.DataFrame):
        return output.to_dict(orient="records")
    if isinstance(output, pd.Series):
        return output.to_list()
    if isinstance(output, Mapping):
        parts = [_split(part) for part in output.values()]
        return [dict(zip(output, row, strict=True)) for row in zip(*parts, strict=True)]
    return list(output)


def _plain(value: Any) -> Any:
    if isinstance(value, np.ndarray | np.generic):
        value = value.tolist()
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(NOT_FINITE)
    if isinstance(value, Mapping):
        return {str(key): _plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    return value
