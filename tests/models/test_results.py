"""Whatever form a model answers in, each row becomes one JSON value."""

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest

from app.contract.errors import InvalidInput
from worker.models.results import named, rows_of


@pytest.mark.parametrize(
    ("output", "rows"),
    [
        (np.array([[1.0, 2.0], [3.0, 4.0]]), [[1.0, 2.0], [3.0, 4.0]]),
        (np.array([1, 2]), [1, 2]),
        (pd.Series(["a", "b"]), ["a", "b"]),
        (pd.DataFrame({"x": [1.0, 2.0]}), [{"x": 1.0}, {"x": 2.0}]),
        ({"x": np.array([1, 2]), "y": [[3], [4]]}, [{"x": 1, "y": [3]}, {"x": 2, "y": [4]}]),
        ([{"x": np.float32(1)}, None], [{"x": 1.0}, None]),
    ],
)
def test_an_output_becomes_rows(output: Any, rows: list[Any]) -> None:
    assert rows_of(output, 2) == rows


def test_another_number_of_rows_is_the_models_error() -> None:
    with pytest.raises(ValueError, match="answered 2 rows for 3 inputs"):
        rows_of([1, 2], 3)


@pytest.mark.parametrize("value", [math.nan, math.inf, np.float32("nan"), np.array([1.0, math.nan])])
def test_a_number_without_json_is_the_models_error(value: Any) -> None:
    with pytest.raises(ValueError, match="not finite"):
        rows_of([{"x": value}], 1)


def test_scores_get_their_names_and_the_likeliest_is_the_outcome() -> None:
    assert named([0.2, 0.5, 0.3], ("home", "draw", "away")) == {"home": 0.2, "draw": 0.5, "away": 0.3, "outcome": "draw"}
    assert named([0.2, 0.5], ()) == [0.2, 0.5]
    with pytest.raises(ValueError, match="3 outputs by name"):
        named([0.2, 0.8], ("home", "draw", "away"))


def test_a_row_that_the_model_itself_refused_stays_so() -> None:
    refused = InvalidInput("no picture")
    assert named(rows_of([refused], 1)[0], ("home",)) is refused
