"""From what a model answers for a batch to one JSON value a row.

A batch holds the inputs of several callers, so an answer is cut into rows only where its form says
what a row is. A tuple, a string or a mapping with a scalar in it may be as long as the batch by
chance, and each caller would get a part of another's.

A number that is not finite has no JSON; it is an error of the model, and the runner finds the row
by running each alone.
"""

import math
from collections.abc import Generator, Iterable, Mapping, Sequence
from itertools import islice
from typing import Any

import numpy as np
import pandas as pd
from pandas.api.extensions import ExtensionArray

from inference.errors import InvalidInput, UnfitAnswer

NOT_FINITE = "the model answered a number that is not finite"
FORMS = (
    "a data frame, a series, an array of one or more dimensions, a list, a generator,"
    " or a mapping whose every part is one of these"
)


def rows_of(output: Any, count: int) -> list[Any]:
    """Splits an output into `count` rows.

    Raises `UnfitAnswer` if it is none of FORMS, or has another number of rows.
    """
    return [_plain(row) for row in _split(output, count, "")]


def named(row: Any, names: Sequence[str]) -> Any:
    """Makes a row of scores `{name: score, …, "outcome": the name of the highest}`.

    Without names it stays as it is.
    """
    if not names or isinstance(row, InvalidInput):
        return row
    scores = list(row.values()) if isinstance(row, dict) else row
    if not isinstance(scores, list) or len(scores) != len(names):
        raise UnfitAnswer(f"the model has {len(names)} outputs by name and answered {scores!r:.80}")
    return dict(zip(names, scores, strict=True)) | {
        "outcome": max(zip(scores, names, strict=True))[1]
    }


def _split(output: Any, count: int, part: str) -> list[Any]:
    """`part` is the name of the mapping's part that `output` is; '' for the whole answer."""
    if isinstance(output, Mapping) and output:
        _check_names(output, part)
        parts = [
            _split(value, count, f"{part}.{name}" if part else str(name))
            for name, value in output.items()
        ]
        return [dict(zip(output, row, strict=True)) for row in zip(*parts, strict=True)]
    rows = list(islice(_rows(output, part), count + 1))
    if len(rows) != count:
        said = (
            len(output)
            if hasattr(output, "__len__")
            else f"more than {count}"
            if len(rows) > count
            else len(rows)
        )
        raise UnfitAnswer(
            f"the model answered {said} rows for {count}"
            f" inputs{f' in its part {part:.80}' if part else ''}"
        )
    return rows


def _rows(output: Any, part: str) -> Iterable[Any]:
    match output:
        case pd.DataFrame():
            _check_names(output.columns, part)
            return output.to_dict(orient="records")
        case pd.Series():
            return output.to_list()
        case np.ndarray() if output.ndim > 0:
            return output
        case list() | Generator() | pd.Index() | ExtensionArray():
            return output
    raise UnfitAnswer(
        f"{_answer(part)} is of the type {_type(output)}: rows are taken only from {FORMS}"
    )


def _check_names(names: Iterable[Any], part: str) -> None:
    """JSON has text alone for names, and each once; a second part of one name would be lost."""
    shown = [str(name) for name in names]
    if len(set(shown)) != len(shown):
        raise UnfitAnswer(f"{_answer(part)} has two parts of one name: {shown!r:.200}")


def _answer(part: str) -> str:
    return f"the part {part:.80} of the model's answer" if part else "the model's answer"


def _type(output: Any) -> str:
    if isinstance(output, Mapping):
        return f"{type(output).__name__}, an empty one"
    return (
        f"{type(output).__name__}, without a dimension"
        if isinstance(output, np.ndarray)
        else type(output).__name__
    )


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
