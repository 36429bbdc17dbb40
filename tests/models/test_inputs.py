"""What of an input is refused, and by which name."""

import math
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from inference.errors import InvalidInput, Misconfigured
from inference.models.signature import Column, Tensor
from worker.models.inputs import FeatureTable, column_values, tensor_values
from worker.models.mlmodel import MLmodel


def described(folder: Path, table: str | None) -> MLmodel:
    return MLmodel(folder, frozenset(), (), (), (), folder / table if table else None, None)


@pytest.mark.parametrize(
    ("kind", "good", "bad"),
    [
        ("double", [1, 1.5, -0.0, 1e300], [True, "1", math.inf, [1], 10**400]),
        ("float", [1, 1.5], [False, "x", -math.inf, 1e39]),
        ("long", [1, 2**63 - 1], [1.5, True, 2**63, "1"]),
        ("integer", [-(2**31)], [2**31]),
        ("boolean", [True], [1, "true"]),
        ("string", ["", "x"], [1, ["x"]]),
        ("binary", ["aGk="], ["a", 1]),
        ("datetime", ["2026-01-31T10:00:00", "2026-01-31"], ["yesterday", 5, "3000-01-01"]),
        ("any", [{"a": [1]}], []),
    ],
)
def test_a_column_takes_its_type_and_nothing_else(
    kind: str, good: list[Any], bad: list[Any]
) -> None:
    for value in good:
        assert len(column_values([Column("x", kind, True)], {"x": value})) == 1
    for value in bad:
        with pytest.raises(InvalidInput, match="x must be ") as caught:
            column_values([Column("x", kind, True)], {"x": value})
        assert caught.value.field == "features.x"


@pytest.mark.parametrize(
    ("value", "blamed"),
    [
        ([{"n": 1}, {"n": "1"}], "x[1].n must be an integer of 32 bits"),
        ([{"n": 1}, {}], "x[1].n is missing"),
        ([{"n": None}], "x[0].n is missing"),
        ([{"n": 1, "m": 2}], "x[0].m is not known"),
        ([{"n": 1, "f": [None]}], "x[0].f[0] must be a finite number that fits a float"),
        ([None], "x[0] must be an object"),
        ({"n": 1}, "x must be a list"),
    ],
)
def test_what_is_wrong_inside_of_a_value_is_named(value: Any, blamed: str) -> None:
    floats = {"type": "array", "items": {"type": "float"}, "required": False}
    item = {
        "type": "object",
        "properties": {"n": {"type": "integer", "required": True}, "f": floats},
    }
    with pytest.raises(InvalidInput) as caught:
        column_values([Column("x", "array", True, {"items": item})], {"x": value})
    assert str(caught.value) == blamed
    assert caught.value.field == f"features.{blamed.partition(' ')[0]}"


def test_null_is_a_value_of_a_free_type_and_not_one_that_is_left_out() -> None:
    assert column_values([Column("x", "any", True)], {"x": None}) == [None]
    with pytest.raises(InvalidInput, match="x is missing"):
        column_values([Column("x", "any", True)], {})


def test_a_tables_times_are_taken_and_its_gaps_are_values_left_out() -> None:
    columns = [
        Column("t", "datetime", False),
        Column("n", "long", False),
        Column("b", "boolean", False),
    ]
    time = pd.Timestamp("2026-01-31T08:00:00")
    assert column_values(columns, {"t": time, "n": pd.NA, "b": None}) == [time, None, None]
    assert column_values(columns, {"t": pd.NaT, "n": math.nan}) == [None, None, None]


@pytest.mark.parametrize("features", [{}, {"x": None}, {"x": math.nan}])
def test_a_missing_value_is_refused_unless_it_is_optional(features: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput, match="x is missing"):
        column_values([Column("x", "double", True)], features)
    assert column_values([Column("x", "double", False)], features) == [None]


def test_a_time_with_a_zone_is_taken_in_utc() -> None:
    assert column_values([Column("t", "datetime", True)], {"t": "2026-01-31T10:00:00+02:00"}) == [
        pd.Timestamp("2026-01-31T08:00:00")
    ]


@pytest.mark.parametrize(
    "value",
    [None, [1.0], [[1.0, 2.0], [3.0]], [[1.0], [2.0]], "x", [["a", "b"]], [[1.0, math.nan]]],
)
def test_a_tensor_of_another_shape_or_content_is_refused(value: Any) -> None:
    tensor = Tensor("grid", "float32", (-1, -1, 2))
    assert tensor_values([tensor], {"grid": [[1, 2], [3, 4]]})[0].shape == (2, 2)
    with pytest.raises(InvalidInput, match="grid") as caught:
        tensor_values([tensor], {"grid": value})
    assert caught.value.field == "features.grid"


def test_features_come_first_and_the_table_second(tmp_path: Path) -> None:
    pd.DataFrame({"x": [1.5]}, index=pd.Index([42], name="match_id")).to_parquet(
        tmp_path / "table.parquet"
    )
    table = FeatureTable(described(tmp_path, "table.parquet"))
    assert table.features({"match_id": 42}) == {"x": 1.5}
    assert table.features({"match_id": 42, "features": {"x": 2}}) == {"x": 2}


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"match_id": 43}, "match_id"),
        ({"match_id": True}, "match_id"),
        ({"match_id": [42]}, "match_id"),
        ({}, "features"),
        ({"features": [1], "match_id": 42}, "features"),
    ],
)
def test_an_input_without_features_names_what_is_to_blame(
    tmp_path: Path, given: dict[str, Any], field: str
) -> None:
    pd.DataFrame({"x": [1.5]}, index=[42]).to_parquet(tmp_path / "table.parquet")
    with pytest.raises(InvalidInput) as caught:
        FeatureTable(described(tmp_path, "table.parquet")).features(given)
    assert caught.value.field == field


def test_a_model_without_a_table_needs_features(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="no features"):
        FeatureTable(described(tmp_path, None)).features({"match_id": 42})


def test_a_table_that_is_not_there_is_said_at_load(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match=r"table\.parquet can't be read"):
        FeatureTable(described(tmp_path, "table.parquet"))
