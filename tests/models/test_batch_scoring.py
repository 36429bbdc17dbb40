"""Tests `python -m worker.batch` with a real registry: each row gets the service's answer."""

import csv
import json
import os
from pathlib import Path
from typing import Any

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from structlog.testing import capture_logs

from inference.blobs.url_files import file_at
from testkit.conformance.cases import Input
from testkit.conformance.reference import ANSWER
from testkit.conformance.service import Service
from testkit.lanes import once
from testkit.servers import MlflowServer, ObjectStore
from tests.models.batch_models import ERRORS, batch, people, people_in, register, set_environment
from worker.batch import ROWS_FAILED

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")

TABULAR, VECTOR = "batch-tabular", "batch-vector"
URI = f"models:/{TABULAR}@production"


@pytest.fixture(scope="module")
def scored_models(mlflow_server: MlflowServer, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The address of a registry that has the models."""

    def registered() -> str:
        folder = tmp_path_factory.mktemp("code")
        register(mlflow_server.url, folder, TABULAR)
        register(mlflow_server.url, folder, VECTOR, vector=True)
        return mlflow_server.url

    return once(tmp_path_factory, "batch-models", registered)


@pytest.fixture(autouse=True)
def settings(scored_models: str, monkeypatch: pytest.MonkeyPatch) -> None:
    set_environment(monkeypatch, scored_models)


@pytest.fixture
def table(tmp_path: Path) -> Path:
    return people_in(tmp_path)


def online(rows: list[dict[str, Any]], names: tuple[str, ...]) -> list[Any]:
    """What the gateway's checks and the worker's runner answer to each row."""
    service = Service(URI, os.environ["MLFLOW_TRACKING_URI"])
    found: list[Any] = []
    for row in rows:
        given = {name: row[name] for name in names if row[name] is not None}
        checked = service.checked(Input("row", given))
        answer = service.run([checked])[0] if isinstance(checked, bytes) else checked
        found.append(answer.value if answer.kind == ANSWER else None)
    return found


def test_each_row_has_the_answer_that_the_service_gives_it(table: Path, tmp_path: Path) -> None:
    output = tmp_path / "out" / "scored.parquet"
    assert batch(URI, table, output) == ROWS_FAILED
    found = pq.read_table(output)
    assert found.select(people().schema.names).equals(people()), "the columns of the input"
    assert found.schema.names[5:] == ["prediction_score", "prediction_tags", "error"]
    rows = found.to_pylist()
    assert [
        row["prediction_score"]
        and {"score": row["prediction_score"], "tags": row["prediction_tags"]}
        for row in rows
    ] == online(rows, ("age", "town", "visits"))
    assert [row["prediction_score"] for row in rows if row["error"] is None] == [3, 10, 12, 14]
    for place, row in enumerate(rows):
        assert (row["error"] or "").endswith(ERRORS.get(place, "")), row
        assert (row["error"] is None) == (place not in ERRORS)
    assert [path.name for path in output.parent.iterdir()] == [output.name], "nothing is left"


def test_a_csv_gives_what_the_same_table_as_parquet_gives(table: Path, tmp_path: Path) -> None:
    source, output = tmp_path / "people.csv", tmp_path / "scored.csv"
    with source.open("w", newline="") as file:
        lines = csv.writer(file)
        lines.writerow(people().schema.names)
        lines.writerows(
            ["" if value is None else value for value in row.values()]
            for row in people().to_pylist()
        )
    assert batch(URI, table, tmp_path / "scored.parquet") == ROWS_FAILED
    assert batch(URI, source, output) == ROWS_FAILED
    with source.open(newline="") as before, output.open(newline="") as after:
        rows = list(csv.DictReader(after))
        kept = [{name: row[name] for name in people().schema.names} for row in rows]
        assert kept == list(csv.DictReader(before)), "each value as it was written: 003 stays 003"
    wanted = pq.read_table(tmp_path / "scored.parquet").to_pylist()
    for row, same in zip(rows, wanted, strict=True):
        assert row["error"] == (same["error"] or "")
        assert row["prediction_score"] == ("" if same["error"] else str(same["prediction_score"]))
        assert json.loads(row["prediction_tags"] or "null") == same["prediction_tags"]


def test_what_stands_in_a_csv_and_is_none_of_the_type_fails_its_row_alone(tmp_path: Path) -> None:
    source, output = tmp_path / "odd.csv", tmp_path / "odd-scored.parquet"
    source.write_text("town,age\nBern,1e1\nBern,old\n\nBern,\nBern, 3 \n", encoding="utf-8-sig")
    assert batch(URI, source, output) == ROWS_FAILED
    found = pq.read_table(output)
    assert found["prediction_score"].to_pylist() == [20.0, None, None, 6.0]
    assert found["error"].to_pylist() == [
        None,
        "age must be a finite number",
        "age is missing",
        None,
    ]


def test_a_model_without_names_takes_columns_in_order_or_a_column_of_lists(tmp_path: Path) -> None:
    lists, columns = tmp_path / "lists.parquet", tmp_path / "columns.csv"
    pq.write_table(pa.table({"id": ["a", "b"], "pixels": [[1, 2, 3], [4, 5, 6]]}), lists)
    columns.write_text("a,b,c,id\n1,2,3,a\n4,5,6,b\n")
    uri = f"models:/{VECTOR}@production"
    assert batch(uri, lists, tmp_path / "1.parquet", "--columns", "pixels") == 0
    assert batch(uri, columns, tmp_path / "2.parquet", "--columns", "a,b,c") == 0
    for name in ("1.parquet", "2.parquet"):
        assert pq.read_table(tmp_path / name)["prediction"].to_pylist() == [6.0, 15.0]


def test_what_the_door_refuses_is_refused_here_although_the_model_could_run(
    tmp_path: Path,
) -> None:
    source, output = tmp_path / "lists.parquet", tmp_path / "scored.csv"
    pq.write_table(pa.table({"pixels": [[True, False, True]]}), source)
    assert batch(f"models:/{VECTOR}@production", source, output) == ROWS_FAILED
    assert "features[0] must be a finite number that fits a float32" in output.read_text()


@pytest.mark.parametrize("store", ["memory", "s3"])
def test_both_files_may_be_in_an_object_store(
    table: Path, store: str, request: pytest.FixtureRequest
) -> None:
    if store == "s3":
        objects: ObjectStore = request.getfixturevalue("object_store")
        source, output = (objects.url("predictions", f"{n}.parquet") for n in ("in", "out"))
    else:
        source, output = "memory://batch/in.parquet", "memory://batch/out.parquet"
    file_at(source).replace(table.read_bytes())
    assert batch(URI, source, output, "--rows-per-batch", "2") == ROWS_FAILED
    found = file_at(output)
    with found.open() as raw:
        assert pq.read_table(raw)["prediction_score"].to_pylist()[-1] == 14
    folder = found.path.rpartition("/")[0]
    names = [path.rpartition("/")[2] for path in found.filesystem.find(folder)]
    assert [name for name in names if name.startswith("out")] == ["out.parquet"]
    fsspec.filesystem("memory").store.clear()


def test_a_batch_that_does_not_fit_is_halved_and_a_model_gets_its_parameters(
    table: Path, tmp_path: Path
) -> None:
    output, params = tmp_path / "scored.parquet", '{"most": 2, "factor": 10}'
    with capture_logs() as logs:
        assert batch(URI, table, output, "--params", params) == ROWS_FAILED
    assert pq.read_table(output)["prediction_score"].to_pylist() == [
        *(15.0, None, None, None, 50.0, 60.0, 70.0)
    ]
    (ended,) = [line for line in logs if line["event"] == "batch.ended"]
    assert (ended["rows"], ended["errors"]) == (7, 3)
    assert ended["halved"] > 0


def test_the_first_row_with_an_error_ends_the_run_where_that_is_wanted(
    table: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "scored.parquet"
    assert batch(URI, table, output, "--fail-fast") == ROWS_FAILED
    assert "batch: row 2: RuntimeError: thirteen" in capsys.readouterr().err
    assert not output.exists()
