"""What a row of a table is as an input, and which columns answers become."""

from collections.abc import Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from inference.blobs.url_files import file_at
from inference.errors import InvalidInput, Misconfigured
from inference.models.output_schema import result_schema
from inference.models.signature import Column, Tensor, form_of, read_inputs
from worker.models.mlmodel import MLmodel
from worker.scoring.result_types import array_of, columns_of, parts_of
from worker.scoring.row_inputs import RowInputs
from worker.scoring.tables import table_in
from worker.scoring.values import value_of

OBJECT = {
    "type": "object",
    "properties": {
        "role": {"type": "string", "required": True},
        "note": {"type": "string", "required": False},
    },
}
DOUBLES = {"type": "array", "items": {"type": "double"}}
MAP = {"type": "map", "values": {"type": "long"}}
VECTOR = {"type": "tensor", "tensor-spec": {"dtype": "float32", "shape": [-1, 3]}}
PIXELS = {"type": "tensor", "tensor-spec": {"dtype": "uint8", "shape": [-1, 2, 2]}}


def kind(**spec: Any) -> Any:
    (found,) = read_inputs([{"name": "x"} | spec])
    return found.kind


@pytest.mark.parametrize(
    ("spec", "value", "wanted"),
    [
        ({"type": "double"}, float("nan"), None),
        ({"type": "double"}, np.float32(0.5), 0.5),
        ({"type": "double"}, Decimal("1.5"), 1.5),
        ({"type": "long"}, Decimal(2**62 + 1), 2**62 + 1),
        ({"type": "string"}, Decimal("1.50"), "1.50"),
        ({"type": "string"}, "[1]", "[1]"),
        ({"type": "binary"}, b"hi", "aGk="),
        ({"type": "datetime"}, datetime(2026, 1, 31, 8, tzinfo=UTC), "2026-01-31T08:00:00+00:00"),
        ({"type": "datetime"}, date(2026, 1, 31), "2026-01-31"),
        (DOUBLES, [1.0, None], [1.0, None]),
        (DOUBLES, "[1, 2]", [1, 2]),
        (DOUBLES, "none", "none"),
        (MAP, [("a", 1)], {"a": 1}),
        (MAP, {"a": 1, "b": None}, {"a": 1}),
        (OBJECT, {"role": "user", "note": None, "other": None}, {"role": "user"}),
        (OBJECT, {"role": None, "note": "x"}, {"role": None, "note": "x"}),
    ],
)
def test_a_value_of_a_table_is_what_a_caller_would_send(
    spec: dict[str, Any], value: Any, wanted: Any
) -> None:
    assert value_of(kind(**spec), value, text=False) == wanted


@pytest.mark.parametrize(
    ("spec", "text", "wanted"),
    [
        ({"type": "double"}, "", None),
        ({"type": "double"}, "NaN", None),
        ({"type": "double"}, "-1.5e3", -1500.0),
        ({"type": "double"}, "1_000", "1_000"),
        ({"type": "double"}, "inf", "inf"),
        ({"type": "long"}, "007", 7),
        ({"type": "long"}, "3.0", 3.0),
        ({"type": "boolean"}, "True", True),
        ({"type": "boolean"}, "1", "1"),
        ({"type": "string"}, "12", "12"),
        ({"type": "string"}, "", None),
        ({"type": "any"}, "12", 12),
        ({"type": "any"}, "Bern", "Bern"),
        (DOUBLES, "[1, NaN]", [1, None]),
        (OBJECT, '{"role": "user"}', {"role": "user"}),
    ],
)
def test_the_text_of_a_csv_is_read_as_the_type_of_its_column(
    spec: dict[str, Any], text: str, wanted: Any
) -> None:
    found = value_of(kind(**spec), text, text=True)
    assert (found, type(found)) == (wanted, type(wanted))


def inputs(specs: Sequence[dict[str, Any]], table: pa.Table, *chosen: str, **more: Any) -> Any:
    """The inputs that the rows of a table are for a model of this signature."""
    parts = read_inputs(specs, more.get("hinted", False))
    mlmodel = MLmodel(
        folder=Path(),
        flavors=frozenset(),
        columns=tuple(part for part in parts if isinstance(part, Column)),
        tensors=tuple(part for part in parts if isinstance(part, Tensor)),
        outputs=(),
        feature_table=more.get("feature_table"),
        example_file=None,
        form=form_of(specs),
    )
    rows = RowInputs(table.schema.names, mlmodel, chosen, texts=False)
    made = [given for given in rows.of(table) if not isinstance(given, InvalidInput)]
    return [given.get("features", given) for given in made]


NUMBERS = pa.table({"a": [1, 4], "b": [2, 5], "c": [3, 6]})
LISTS = pa.table({"id": ["x"], "v": [[1, 2, 3]], "grid": [[[1, 2], [3, 4]]]})


def test_columns_are_found_by_name_and_others_are_no_part_of_an_input() -> None:
    specs: list[dict[str, Any]] = [{"name": "b", "type": "long"}]
    specs += [{"name": "d", "type": "long", "required": False}]
    assert inputs(specs, NUMBERS) == [{"b": 2}, {"b": 5}]
    named = [VECTOR | {"name": "v"}, PIXELS | {"name": "grid"}]
    assert inputs(named, LISTS) == [{"v": [1, 2, 3], "grid": [[1, 2], [3, 4]]}]


def test_inputs_without_names_are_the_columns_in_order() -> None:
    double: dict[str, Any] = {"type": "double"}
    assert inputs([double] * 3, NUMBERS) == [[1, 2, 3], [4, 5, 6]]
    assert inputs([double, double], NUMBERS, "c", "a") == [[3, 1], [6, 4]]
    assert inputs([VECTOR], NUMBERS) == [[1, 2, 3], [4, 5, 6]]
    assert inputs([VECTOR], LISTS, "v") == [[1, 2, 3]]
    assert inputs([PIXELS], LISTS, "grid") == [[[1, 2], [3, 4]]]
    assert inputs([double], NUMBERS, "b") == [2, 5]
    assert inputs([DOUBLES], NUMBERS, "b") == [[2], [5]]


def test_a_type_hint_s_object_is_the_columns_of_its_names() -> None:
    table = pa.table({"role": ["user"], "note": pa.array([None], pa.string()), "id": [1]})
    assert inputs([OBJECT], table, hinted=True) == [{"role": "user"}]


def test_a_model_that_knows_its_rows_takes_their_keys() -> None:
    specs = [{"name": "x", "type": "double"}]
    assert inputs(specs, pa.table({"match_id": [7]}), feature_table=Path("t")) == [{"match_id": 7}]


@pytest.mark.parametrize(
    ("specs", "table", "chosen", "sentence"),
    [
        ([{"name": "x", "type": "long"}, {"name": "y", "type": "long"}], NUMBERS, (), "'x', 'y'"),
        ([{"name": "x", "type": "long", "required": False}], NUMBERS, (), "none of the model's"),
        ([{"name": "a", "type": "long"}], NUMBERS, ("a",), "whose inputs have no names"),
        ([VECTOR], NUMBERS, ("a", "b"), "takes 3 columns without names, and the input has 2"),
        ([PIXELS], NUMBERS, (), "takes one value, and the input has 3 columns"),
        ([{"type": "string"}], NUMBERS, (), "takes one value"),
        ([VECTOR], NUMBERS, ("z",), "no column z"),
    ],
)
def test_a_table_that_lacks_what_the_model_takes_is_refused(
    specs: list[dict[str, Any]], table: pa.Table, chosen: tuple[str, ...], sentence: str
) -> None:
    with pytest.raises(Misconfigured, match=sentence):
        inputs(specs, table, *chosen)


@pytest.mark.parametrize("form", ["parquet", "csv"])
@pytest.mark.parametrize("first", [0, 1, 4, 6, 9, 11])
def test_a_table_is_read_from_any_row_on_and_no_batch_is_larger_than_wanted(
    tmp_path: Path, form: str, first: int
) -> None:
    file = tmp_path / f"rows.{form}"
    if form == "parquet":
        pq.write_table(pa.table({"n": list(map(str, range(10)))}), file, row_group_size=4)
    else:
        file.write_text("n\n" + "".join(f"{n}\n\n" for n in range(10)))
    batches = list(table_in(file_at(str(file)), file.name, form).batches(first, 3))
    assert all(0 < one.num_rows <= 3 for one in batches)
    read = [value for one in batches for value in one["n"].to_pylist()]
    assert read == list(map(str, range(10)))[first:]


def columns(*chunks: list[Any], outputs: Any = None) -> dict[str, str]:
    """The types of the columns that answers become, once all have been written so."""
    found = columns_of(lambda: list(chunks), result_schema(outputs, {}))
    for name, kind in found.items():
        for chunk in (*chunks, list(chain(*chunks))) if kind else ():
            assert len(array_of(parts_of(chunk, name), kind)) == len(chunk)
    return {name: str(kind or "JSON") for name, kind in found.items()}


SCORE = [{"name": "score", "type": "double"}, {"name": "name", "type": "string"}]


@pytest.mark.parametrize(
    ("chunks", "wanted"),
    [
        ([[1], [2.5, None]], {"": "double"}),
        ([[2**53 + 1], [2.5]], {"": "double"}),
        ([[1], ["a"]], {"": "JSON"}),
        ([[True, 1]], {"": "JSON"}),
        ([[2**64]], {"": "JSON"}),
        ([[[1], []], [[2.5]]], {"": "list<item: double>"}),
        ([[{}]], {"": "JSON"}),
        ([[[{}]]], {"": "JSON"}),
        ([[None]], {"": "string"}),
        ([[{"a": 1}], [{"b": "x"}, None]], {"a": "int64", "b": "string"}),
        ([[{"a": 1}], [{"a": [1]}]], {"a": "JSON"}),
        ([[{"a": 1}], [2]], {"": "JSON"}),
        ([[{str(n): n for n in range(300)}]], {"": "JSON"}),
    ],
)
def test_answers_get_the_type_that_has_room_for_all(
    chunks: list[list[Any]], wanted: dict[str, str]
) -> None:
    assert columns(*chunks) == wanted


@pytest.mark.parametrize(
    ("chunks", "outputs", "wanted"),
    [
        ([], SCORE, {"score": "double", "name": "string"}),
        ([[{"score": 1}]], SCORE, {"score": "double", "name": "string"}),
        ([[{"score": "high"}]], SCORE, {"score": "JSON", "name": "string"}),
        ([[None]], [{"type": "long"}], {"": "int64"}),
        ([[0.5]], [{"type": "long"}], {"": "double"}),
        ([[None]], [VECTOR], {"": "list<item: double>"}),
        ([[[1.5]]], SCORE, {"": "list<item: double>"}),
    ],
)
def test_the_signature_s_outputs_say_the_columns_whatever_is_answered(
    chunks: list[list[Any]], outputs: Any, wanted: dict[str, str]
) -> None:
    assert columns(*chunks, outputs=outputs) == wanted
