"""Whatever form a model answers in, no row of its answer is another caller's.

Each form makes an answer of numbers, one a row. A row must be the same alone and among others, and
hold its own number and no other.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from enum import Enum
from typing import Any
from uuid import UUID

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from inference.errors import UnfitAnswer
from worker.models.outputs import AmbiguousAnswer, named, parts_as_rows, rows_of

Numbers = Sequence[int]
VECTOR = 3
FIRST, LAST = 101, 120
"""The numbers are small enough for every dtype, and no other number of an answer has their form."""


@dataclass
class Row:
    n: Any


class Model(BaseModel):
    n: int


WORDS = Enum("WORDS", {f"w{n}": n for n in range(FIRST, LAST + 1)})  # type: ignore[misc]


def generated(numbers: Numbers) -> Iterator[dict[str, int]]:
    for n in numbers:
        yield {"n": n}


def records(numbers: Numbers) -> Any:
    return np.array([(n, n / 2) for n in numbers], dtype=[("a", "i8"), ("b", "f8")])


def frame(numbers: Numbers, **more: Any) -> pd.DataFrame:
    return pd.DataFrame({"n": list(numbers)} | more)


def array(*shape: int, dtype: str = "int64") -> Callable[[Numbers], Any]:
    def answer(numbers: Numbers) -> Any:
        filled = np.empty((len(numbers), *shape), dtype=dtype)
        filled[:] = np.reshape(list(numbers), (-1, *(1 for _ in shape)))
        return filled

    return answer


def tensor(dtype: torch.dtype, *shape: int) -> Callable[[Numbers], Any]:
    return lambda numbers: torch.from_numpy(array(*shape)(numbers)).to(dtype)


def objects(numbers: Numbers) -> Any:
    found = np.empty(len(numbers), dtype=object)
    found[:] = [{"n": n} for n in numbers]
    return found


FORMS: dict[str, Callable[[Numbers], Any]] = {
    "list": list,
    "list of lists": lambda numbers: [[n, [n]] for n in numbers],
    "list of tuples": lambda numbers: [(n, str(n)) for n in numbers],
    "list of dicts": lambda numbers: [{"n": n, "deep": {"n": [n]}} for n in numbers],
    "list of dicts of other keys": lambda numbers: [{f"k{n}": n} for n in numbers],
    "list of texts": lambda numbers: [str(n) for n in numbers],
    "list of bytes": lambda numbers: [bytes([n]) for n in numbers],
    "list of sets": lambda numbers: [{n} for n in numbers],
    "list of decimals": lambda numbers: [Decimal(n) for n in numbers],
    "list of uuids": lambda numbers: [UUID(int=n) for n in numbers],
    "list of durations": lambda numbers: [timedelta(seconds=n) for n in numbers],
    "list of enums": lambda numbers: [WORDS[f"w{n}"] for n in numbers],
    "list of dataclasses": lambda numbers: [Row({"n": n}) for n in numbers],
    "list of pydantic objects": lambda numbers: [Model(n=n) for n in numbers],
    "list of arrays": lambda numbers: [np.full(VECTOR, n) for n in numbers],
    "list of frames": lambda numbers: [frame([n, n]) for n in numbers],
    "list of series": lambda numbers: [pd.Series([n]) for n in numbers],
    "list of tensors": lambda numbers: [torch.tensor([n]) for n in numbers],
    "list of scalars": lambda numbers: [np.int16(n) for n in numbers],
    "generator": generated,
    "map": lambda numbers: map(str, numbers),
    "array": array(),
    "array of two dimensions": array(3),
    "array of three dimensions": array(2, 1),
    "array of one column": array(1, dtype="float32"),
    "array of halves": array(dtype="float16"),
    "array of bytes": array(2, dtype="uint8"),
    "array of complex numbers": array(dtype="complex64"),
    "array of days": lambda numbers: np.array(numbers).astype("M8[D]"),
    "array of moments": lambda numbers: np.array(numbers).astype("M8[ns]"),
    "array of durations": lambda numbers: np.array(numbers).astype("m8[s]"),
    "array of texts": lambda numbers: np.array([str(n) for n in numbers]),
    "array of objects": objects,
    "array of records": records,
    "masked array": lambda numbers: np.ma.masked_array(list(numbers), [False] * len(numbers)),
    "series": lambda numbers: pd.Series(list(numbers)),
    "series of one label": lambda numbers: pd.Series(list(numbers), index=[7] * len(numbers)),
    "named series": lambda numbers: pd.Series(list(numbers), name="n"),
    "nullable series": lambda numbers: pd.Series(list(numbers), dtype="Int64"),
    "index": lambda numbers: pd.Index(list(numbers)),
    "categorical": lambda numbers: pd.Categorical(list(numbers)),
    "extension array": lambda numbers: pd.array(list(numbers), "Int64"),
    "frame": frame,
    "frame of many types": lambda numbers: frame(
        numbers, t=pd.to_datetime(list(numbers)), c=pd.Categorical(list(numbers)), x=None
    ),
    "frame with an index": lambda numbers: frame(numbers).set_axis(range(len(numbers), 0, -1)),
    "frame of several levels": lambda numbers: pd.concat({"a": frame(numbers)}, axis=1),
    "sparse frame": lambda numbers: frame(numbers).astype(pd.SparseDtype("int64")),
    "mapping of lists": lambda numbers: {"n": list(numbers), "m": list(numbers)},
    "mapping of arrays": lambda numbers: {"n": array()(numbers), "m": array(2)(numbers)},
    "mapping of mappings": lambda numbers: {"a": {"n": list(numbers)}, 7: pd.Series(list(numbers))},
    "tensor": tensor(torch.int64),
    "tensor of bfloat16": tensor(torch.bfloat16, 2),
    "mapping of tensors": lambda numbers: {"n": tensor(torch.float16)(numbers)},
    "several tensors": lambda numbers: parts_as_rows(
        [tensor(torch.int32)(numbers), tensor(torch.float32, 2)(numbers)], len(numbers)
    ),
}
BATCHES = st.lists(st.integers(FIRST, LAST), min_size=1, max_size=8)


def numbers_in(row: Any) -> set[int]:
    """The numbers of FIRST to LAST that a row shows, as numbers or in a text."""
    return {n for n in map(int, re.findall(r"\d+", str(row))) if FIRST <= n <= LAST}


@pytest.mark.parametrize("form", FORMS)
@settings(deadline=None, database=None, max_examples=20)
@given(numbers=BATCHES)
def test_a_row_is_the_same_alone_and_among_others(form: str, numbers: list[int]) -> None:
    answer = FORMS[form]
    try:
        rows = rows_of(answer(numbers), len(numbers))
    except AmbiguousAnswer:
        assert (form, len(numbers)) == ("list of arrays", VECTOR), "it would be run one by one"
        return
    assert rows == [rows_of(answer([n]), 1)[0] for n in numbers]
    for n, row in zip(numbers, rows, strict=True):
        assert numbers_in(row) <= {n}
        other = FIRST if n == LAST else n + 1
        assert row != rows_of(answer([other]), 1)[0]


@pytest.mark.parametrize("form", FORMS)
@settings(deadline=None, database=None, max_examples=10)
@given(numbers=BATCHES, lacking=st.integers(-2, 2).filter(bool))
def test_an_answer_of_another_number_of_rows_is_refused(
    form: str, numbers: list[int], lacking: int
) -> None:
    wanted = max(0, len(numbers) + lacking)
    if (form, wanted) == ("list of tensors", 1):
        (row,) = rows_of(FORMS[form](numbers), 1)
        assert row == numbers, "arrays of one row each are the outputs of that row"
        return
    with pytest.raises(UnfitAnswer):
        rows_of(FORMS[form](numbers), wanted)


@settings(deadline=None, database=None)
@given(numbers=BATCHES, bad=st.sets(st.integers(FIRST, LAST)))
def test_a_row_that_is_no_json_leaves_its_mates_as_they_are(
    numbers: list[int], bad: set[int]
) -> None:
    answer = [{"n": [n, object() if n in bad else n]} for n in numbers]
    for n, row in zip(numbers, rows_of(answer, len(numbers)), strict=True):
        if n in bad:
            assert str(row) == "result.n[1] is of the type object, which is not JSON"
        else:
            assert row == {"n": [n, n]}


@settings(deadline=None, database=None)
@given(numbers=BATCHES)
def test_scores_with_names_stay_their_rows(numbers: list[int]) -> None:
    rows = rows_of(np.array([[n, 1.0] for n in numbers]), len(numbers))
    assert [named(row, ("a", "b")) for row in rows] == [
        {"a": n, "b": 1, "outcome": "a"} for n in numbers
    ]
