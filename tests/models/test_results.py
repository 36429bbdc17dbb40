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

from inference.errors import InvalidInput, Permanent, UnfitAnswer
from worker.models.outputs import FORMS, named, rows_of


@pytest.mark.parametrize(
    ("output", "rows"),
    [
        (np.array([[1.0, 2.0], [3.0, 4.0]]), [[1.0, 2.0], [3.0, 4.0]]),
        (np.array([1, 2]), [1, 2]),
        (pd.Series(["a", "b"]), ["a", "b"]),
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
    ],
)
def test_rows_that_do_not_fit_the_batch_are_refused_for_good(output: Any, said: str) -> None:
    with pytest.raises(UnfitAnswer, match=said):
        rows_of(output, 2)


@pytest.mark.parametrize(
    "value", [math.nan, math.inf, np.float32("nan"), np.array([1.0, math.nan])]
)
def test_a_number_without_json_is_the_models_error(value: Any) -> None:
    with pytest.raises(ValueError, match="not finite"):
        rows_of([{"x": value}], 1)


def test_scores_get_their_names_and_the_likeliest_is_the_outcome() -> None:
    assert named([0.2, 0.5, 0.3], ("home", "draw", "away")) == {
        "home": 0.2,
        "draw": 0.5,
        "away": 0.3,
        "outcome": "draw",
    }
    assert named([0.2, 0.5], ()) == [0.2, 0.5]
    with pytest.raises(ValueError, match="3 outputs by name"):
        named([0.2, 0.8], ("home", "draw", "away"))


def test_a_row_that_the_model_itself_refused_stays_so() -> None:
    refused = InvalidInput("no picture")
    assert named(rows_of([refused], 1)[0], ("home",)) is refused
