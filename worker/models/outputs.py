"""From what a model answers for a batch to one JSON value a row.

A batch holds the inputs of several callers, so an answer is cut into rows only where its form says
what a row is. A tuple, a string or a mapping with a scalar in it may be as long as the batch by
chance, and each caller would get a part of another's.

What becomes of the values in a row, `worker.models.json_values` says. A row that can't be JSON
fails alone.
"""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

import numpy as np
import pandas as pd
from pandas.api.extensions import ExtensionArray

from inference.errors import UnfitAnswer
from worker.models.json_values import key_name, row_value
from worker.models.tensors import NoJson, array_of, is_tensor

FORMS = (
    "a data frame, a series, an array or a tensor of one or more dimensions, a list, a generator,"
    " or a mapping whose every part is one of these"
)


class AmbiguousAnswer(UnfitAnswer):
    """A list of arrays that may be rows, or several outputs with a row for each input.

    Each row is run alone then: a list of several arrays is several outputs of one row.
    """


def rows_of(output: Any, count: int, outputs: set[int] | None = None) -> list[Any]:
    """Splits an output into `count` rows, each of JSON's values.

    An `UnfitAnswer` stands in the place of a row that is none. Raises one if the output is none of
    FORMS, or has another number of rows; `AmbiguousAnswer` never for a single row.

    `outputs` keeps how many outputs a model has that answers a list of arrays, once a single row
    has shown it.
    """
    if isinstance(output, pd.Series) and output.name is not None:
        output = output.to_frame()  # as MLflow has it, in the answer and in the signature
    known = set() if outputs is None else outputs
    return [row_value(row) for row in _split(output, count, "", known)]


def parts_as_rows(parts: Sequence[Any], count: int) -> list[list[Any]]:
    """Makes of several outputs, each with `count` rows, rows that are lists of one row of each.

    Raises `UnfitAnswer`.
    """
    split = [_split(part, count, f"[{place}]", set()) for place, part in enumerate(parts)]
    return [list(row) for row in zip(*split, strict=True)]


def named(row: Any, names: Sequence[str]) -> Any:
    """Makes a row of scores `{name: score, …, "outcome": the name of the highest}`.

    Without names it stays as it is, and so does an error in a row's place. The outcome is null
    where a score is no number.
    """
    if not names or isinstance(row, BaseException):
        return row
    scores = list(row.values()) if isinstance(row, dict) else row
    if not isinstance(scores, list) or len(scores) != len(names):
        return UnfitAnswer(
            f"the model has {len(names)} outputs by name and answered {scores!r:.80}"
        )
    known = all(isinstance(score, int | float) and not math.isnan(score) for score in scores)
    outcome = max(zip(scores, names, strict=True))[1] if known else None
    return dict(zip(names, scores, strict=True)) | {"outcome": outcome}


def _split(output: Any, count: int, part: str, known: set[int]) -> list[Any]:
    """`part` is the name of the mapping's part that `output` is; '' for the whole answer."""
    if isinstance(output, np.ndarray) and output.ndim == 0 and output.dtype == object:
        output = output.item()  # MLflow's wrapper of Keras puts a dictionary into one
    if isinstance(output, Mapping) and output:
        names = _names(output, part)
        parts = [
            _split(value, count, f"{part}.{name}" if part else name, known)
            for name, value in zip(names, output.values(), strict=True)
        ]
        return [dict(zip(names, row, strict=True)) for row in zip(*parts, strict=True)]
    if isinstance(output, list) and _is_several_outputs(output, count, known):
        return parts_as_rows(output, count)
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


def _is_several_outputs(output: list[Any], count: int, known: set[int]) -> bool:
    """Whether a list is one of several outputs, as scikit-learn and Keras have it.

    Then each is an array with a row for each input. An array of that length may be a row as well,
    unless it is a single row's. Raises `AmbiguousAnswer`.
    """
    if not output or not all(
        (isinstance(one, np.ndarray) or is_tensor(one)) and tuple(one.shape[:1]) == (count,)
        for one in output
    ):
        return False
    if count > 1 and len(output) not in known:
        raise AmbiguousAnswer(f"the model answered {len(output)} arrays of {count} rows each")
    if count == 1 and len(output) > 1:
        known.add(len(output))
    return len(output) in known


def _rows(output: Any, part: str) -> Iterable[Any]:
    match output:
        case pd.DataFrame():
            names = _names(output.columns, part)
            return output.set_axis(names, axis="columns").to_dict(orient="records")
        case pd.Series():
            return output.to_list()
        case np.ndarray() if output.ndim > 0:
            return output
        case list() | Iterator() | pd.Index() | ExtensionArray():
            return output
    array = array_of(output)
    if array is not None and array.ndim:
        return array
    raise UnfitAnswer(
        f"{_answer(part)} is of the type {_type(output)}: rows are taken only from {FORMS}"
    )


def _names(names: Iterable[Any], part: str) -> list[str]:
    """JSON has text alone for names, and each once; a second part of one name would be lost."""
    try:
        shown = [key_name(name) for name in names]
    except NoJson as error:
        raise UnfitAnswer(f"{_answer(part)} {error.problem}") from error
    if len(set(shown)) != len(shown):
        raise UnfitAnswer(f"{_answer(part)} has two parts of one name: {shown!r:.200}")
    return shown


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
