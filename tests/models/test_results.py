"""Whatever form a model answers in, each row becomes one JSON value."""

import itertools
import math
from collections import namedtuple
from collections.abc import Callable
from importlib import import_module
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from inference.errors import InvalidInput, Permanent, UnfitAnswer
from worker.models.outputs import FORMS, AmbiguousAnswer, named, rows_of

LEVELS = pd.MultiIndex.from_tuples([("a", "x"), ("b", "")])


@pytest.mark.parametrize(
    ("output", "rows"),
    [
        (np.array([[1.0, 2.0], [3.0, 4.0]]), [[1.0, 2.0], [3.0, 4.0]]),
        (np.array([1, 2]), [1, 2]),
        (pd.Series(["a", "b"]), ["a", "b"]),
        (pd.Series([1, 2], name="x"), [{"x": 1}, {"x": 2}]),
        ({"y": pd.Series([1, 2], name="x")}, [{"y": 1}, {"y": 2}]),
        (map(str, [1, 2]), ["1", "2"]),
        (
            pd.DataFrame([[1, 2], [3, 4]], columns=[0, True]),
            [{"0": 1, "true": 2}, {"0": 3, "true": 4}],
        ),
        (
            pd.DataFrame(
                [[1, 2], [3, 4]], columns=pd.MultiIndex.from_tuples([("a", "x"), ("b", "")])
            ),
            [{"a.x": 1, "b": 2}, {"a.x": 3, "b": 4}],
        ),
        (pd.DataFrame({"s": pd.arrays.SparseArray([0, 1])}, index=[9, 7]), [{"s": 0}, {"s": 1}]),
        (pd.DataFrame({"x": [1.0, 2.0]}), [{"x": 1.0}, {"x": 2.0}]),
        ({"x": np.array([1, 2]), "y": [[3], [4]]}, [{"x": 1, "y": [3]}, {"x": 2, "y": [4]}]),
        ([{"x": np.float32(1)}, None], [{"x": 1.0}, None]),
        ([(1, 2), "ab"], [[1, 2], "ab"]),
        ((x for x in "ab"), ["a", "b"]),
        (pd.Series([1, 2], index=[7, 7]), [1, 2]),
        (pd.Index([1, 2]), [1, 2]),
        (pd.Categorical(["a", "b"]), ["a", "b"]),
        (np.array([(1, 2.0), (3, 4.0)], dtype=[("a", "i8"), ("b", "f8")]), [[1, 2.0], [3, 4.0]]),
        (
            {"a": pd.DataFrame({"x": [1, 2]}), "b": (x for x in [3, 4])},
            [{"a": {"x": 1}, "b": 3}, {"a": {"x": 2}, "b": 4}],
        ),
        (
            {"a": {"x": [1, 2], 7: pd.Series([3, 4])}},
            [{"a": {"x": 1, "7": 3}}, {"a": {"x": 2, "7": 4}}],
        ),
    ],
)
def test_an_output_becomes_rows(output: Any, rows: list[Any]) -> None:
    assert rows_of(output, 2) == rows


def test_another_number_of_rows_is_the_models_error() -> None:
    with pytest.raises(ValueError, match="answered 2 rows for 3 inputs"):
        rows_of([1, 2], 3)


Scores = namedtuple("Scores", "low high")
UNFIT: list[tuple[Callable[[int], Any], str]] = [
    (lambda count: tuple(range(count)), "the model's answer is of the type tuple"),
    (lambda count: Scores(*np.ones((2, count))), "the model's answer is of the type Scores"),
    (lambda count: "hello"[:count], "the model's answer is of the type str"),
    (lambda count: b"hello"[:count], "the model's answer is of the type bytes"),
    (lambda count: set(range(count)), "the model's answer is of the type set"),
    (
        lambda count: {n: n for n in range(count)}.values(),
        "the model's answer is of the type dict_values",
    ),
    (range, "the model's answer is of the type range"),
    (lambda _: 1.0, "the model's answer is of the type float"),
    (lambda _: None, "the model's answer is of the type NoneType"),
    (lambda _: np.array(1.0), "the model's answer is of the type ndarray, without a dimension"),
    (lambda _: np.float32(1.0), "the model's answer is of the type float32"),
    (
        lambda count: import_module("scipy.sparse").csr_matrix(np.ones((count, 2))),
        "the model's answer is of the type csr_matrix",
    ),
    (lambda _: {}, "the model's answer is of the type dict, an empty one"),
    (lambda _: {"y": 1.0}, "the part y of the model's answer is of the type float"),
    (
        lambda count: {"y": [1] * count, "version": "123"[:count]},
        "the part version of the model's answer is of the type str",
    ),
    (
        lambda count: {"y": {"a": [1] * count, "b": (1,) * count}},
        "the part y.b of the model's answer is of the type tuple",
    ),
    (
        lambda count: {"y": np.ones(count), "size": np.array(3)},
        "the part size of the model's answer is of the type ndarray",
    ),
]


@pytest.mark.parametrize("count", [1, 2, 3])
@pytest.mark.parametrize(("answer", "said"), UNFIT)
def test_what_has_no_rows_is_refused_for_one_input_as_for_many(
    answer: Callable[[int], Any], said: str, count: int
) -> None:
    with pytest.raises(UnfitAnswer) as caught:
        rows_of(answer(count), count)
    assert isinstance(caught.value, Permanent)
    assert str(caught.value).startswith(said)
    assert str(caught.value).endswith(f": rows are taken only from {FORMS}")


@pytest.mark.parametrize(
    ("output", "said"),
    [
        ([], "answered 0 rows for 2 inputs"),
        (np.ones((3, 2)), "answered 3 rows for 2 inputs"),
        (pd.DataFrame({"x": [1]}), "answered 1 rows for 2 inputs"),
        ((x for x in "a"), "answered 1 rows for 2 inputs"),
        ((1 for _ in itertools.count()), "answered more than 2 rows for 2 inputs"),
        ({"x": [1, 2], "y": [1, 2, 3]}, "answered 3 rows for 2 inputs in its part y"),
        ({"x": {"y": [1]}}, "answered 1 rows for 2 inputs in its part x.y"),
        (pd.DataFrame([[1, 2], [3, 4]], columns=["x", "x"]), "has two parts of one name"),
        ({1: [1, 2], "1": [3, 4]}, "has two parts of one name"),
        ({b"y": [1, 2]}, "the model's answer has a key of the type bytes"),
        (torch.ones(3, 2), "answered 3 rows for 2 inputs"),
    ],
)
def test_rows_that_do_not_fit_the_batch_are_refused_for_good(output: Any, said: str) -> None:
    with pytest.raises(UnfitAnswer, match=said):
        rows_of(output, 2)


def test_scores_get_their_names_and_the_likeliest_is_the_outcome() -> None:
    assert named([0.2, 0.5, 0.3], ("home", "draw", "away")) == {
        "home": 0.2,
        "draw": 0.5,
        "away": 0.3,
        "outcome": "draw",
    }
    assert named([0.2, 0.5], ()) == [0.2, 0.5]
    refused = named([0.2, 0.8], ("home", "draw", "away"))
    assert isinstance(refused, UnfitAnswer)
    assert "3 outputs by name" in str(refused)


def test_there_is_no_outcome_where_a_score_is_no_number() -> None:
    answer = named([0.2, math.nan], ("home", "away"))
    assert (answer["home"], answer["outcome"]) == (0.2, None)
    assert named([None, 0.2], ("home", "away"))["outcome"] is None


def test_a_row_that_the_model_itself_refused_stays_so() -> None:
    refused = InvalidInput("no picture")
    assert named(rows_of([refused], 1)[0], ("home",)) is refused


def test_several_outputs_as_scikit_learn_has_them_give_each_row_a_part_of_each() -> None:
    """`predict_proba` of a model of two outputs is a list of two arrays."""
    outputs = set[int]()
    for count in (1, 2, 3, 5):
        first, second = np.arange(count * 2.0).reshape(count, 2), np.arange(count)
        answer: list[Any] = [first, torch.from_numpy(second)]
        if count > 1:
            with pytest.raises(AmbiguousAnswer, match=f"2 arrays of {count} rows each"):
                rows_of(answer, count)
        rows = [[list(part), int(n)] for part, n in zip(first, second, strict=True)]
        assert rows_of(answer, count, outputs) == rows
        assert rows_of({"y": answer}, count, outputs) == [{"y": row} for row in rows]
    with pytest.raises(AmbiguousAnswer, match="3 arrays of 5 rows each"):
        rows_of([*answer, second], 5, outputs)


def test_a_list_of_arrays_that_are_rows_stays_one() -> None:
    assert rows_of([np.array([1, 2, 3]), np.array([4, 5, 6])], 2) == [[1, 2, 3], [4, 5, 6]]
    assert rows_of([np.array([[1, 2]])], 1) == [[[1, 2]]]
    assert rows_of([np.array([7])], 1) == [[7]]
    assert rows_of([np.array(1), np.array(2)], 2) == [1, 2]
    with pytest.raises(UnfitAnswer, match="answered 3 rows for 2 inputs"):
        rows_of([np.ones(2), np.ones(2), np.ones(3)], 2)
