"""A run of `python -m worker.batch` that is killed goes on, and joins nothing of another run.

It has a few rows in memory at a time.
"""

import os
import signal
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from structlog.testing import capture_logs

import worker.batch
from testkit.lanes import once
from testkit.servers import MlflowServer
from testkit.stack import Process
from testkit.waiting import until
from tests.models.batch_models import AGES, batch, people, people_in, register, set_environment
from worker.batch import ROWS_FAILED, WRONG, read_options, score
from worker.scoring import tables, writers
from worker.scoring.parts import Parts

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")

MODEL = "batch-resumed"
URI = f"models:/{MODEL}@production"


@pytest.fixture(scope="module")
def scored_models(mlflow_server: MlflowServer, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The address of a registry that has the model."""

    def registered() -> str:
        register(mlflow_server.url, tmp_path_factory.mktemp("code"), MODEL)
        return mlflow_server.url

    return once(tmp_path_factory, "batch-resumed", registered)


@pytest.fixture(autouse=True)
def settings(scored_models: str, monkeypatch: pytest.MonkeyPatch) -> None:
    set_environment(monkeypatch, scored_models)


@pytest.fixture
def table(tmp_path: Path) -> Path:
    return people_in(tmp_path)


class Runs:
    """Runs of the command as processes, on one input of many rows."""

    ROWS, PART = 200, 10

    def __init__(self, folder: Path) -> None:
        self.source, self.output = folder / "many.parquet", folder / "scored.parquet"
        pq.write_table(people(self.ROWS), self.source, row_group_size=25)
        self.arguments = [URI, str(self.source), str(self.output)]
        self.arguments += ["--rows-per-batch", "5", "--rows-per-part", str(self.PART)]
        self.arguments += ["--params", '{"pause_s": 0.01}']

    def parts(self) -> list[Path]:
        folder = self.output.with_name(f"{self.output.name}.parts")
        return sorted(folder.glob("*/0*.parquet"))

    def killed(self) -> int:
        """Starts a run, kills it in its midst, and returns how many rows it has kept."""
        process = Process(
            "batch",
            [sys.executable, "-m", "worker.batch", *self.arguments],
            dict(os.environ),
            self.output.with_name("batch.log"),
        )
        process.start()
        until(lambda: len(self.parts()) >= 3, "three parts", 60)
        process.signal(signal.SIGKILL)
        assert process.wait(60) == -signal.SIGKILL
        assert not self.output.exists()
        kept = len(self.parts()) * self.PART
        assert kept < self.ROWS
        return kept


@pytest.fixture
def runs(tmp_path: Path) -> Runs:
    return Runs(tmp_path)


def test_a_run_that_was_killed_goes_on_and_ends_as_one_that_was_not(
    runs: Runs, tmp_path: Path
) -> None:
    kept = runs.killed()
    # Whoever killed it may have cut the last file short, too: that one is not trusted.
    last = runs.parts()[-1]
    last.write_bytes(last.read_bytes()[:-20])
    with capture_logs() as logs:
        assert batch(*runs.arguments) == ROWS_FAILED
    assert [line["rows"] for line in logs if line["event"] == "batch.resumed"] == [kept - runs.PART]
    assert batch(URI, runs.source, tmp_path / "at-once.parquet") == ROWS_FAILED
    found = pq.read_table(runs.output)
    assert found.equals(pq.read_table(tmp_path / "at-once.parquet"))
    assert found.num_rows == runs.ROWS
    assert runs.parts() == []


def test_a_run_that_is_told_to_stop_says_how_it_goes_on(
    runs: Runs, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    keep = Parts.keep

    def stopped(self: Parts, name: str, table: Any) -> None:
        keep(self, name, table)
        signal.raise_signal(signal.SIGTERM)

    before = signal.signal(signal.SIGTERM, worker.batch.stop)
    try:
        with monkeypatch.context() as patched:
            patched.setattr(Parts, "keep", stopped)
            assert batch(*runs.arguments[:-2]) == 128 + signal.SIGTERM
    finally:
        signal.signal(signal.SIGTERM, before)
    assert "stopped by SIGTERM; the same command goes on from here" in capsys.readouterr().err
    assert len(runs.parts()) == 1


def test_a_run_that_was_killed_while_it_joined_the_parts_ends_well(
    table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    output = tmp_path / "scored.parquet"
    for effect in ("inference.blobs.url_files.File.replace_by", "worker.scoring.parts.Parts.drop"):
        with monkeypatch.context() as patched:
            patched.setattr(effect, lambda *_: sys.exit("killed"))
            with pytest.raises(SystemExit):
                batch(URI, table, output)
        assert batch(URI, table, output) == ROWS_FAILED
        assert pq.read_table(output).num_rows == len(AGES)
        assert sorted(path.name for path in tmp_path.iterdir()) == [table.name, output.name]
        output.unlink()


def test_parts_of_another_input_or_model_are_never_joined(
    table: Path, tmp_path: Path, scored_models: str, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "scored.parquet"

    def broken_off(rows: int) -> None:
        pq.write_table(people(rows), table)
        options = read_options([URI, str(table), str(output), "--rows-per-batch", "1"])
        score(replace(options, rows_per_part=1, fail_fast=True, overwrite=True))

    def refused() -> str:
        assert batch(URI, table, output) == WRONG
        return capsys.readouterr().err

    broken_off(7)
    pq.write_table(people(8), table)
    assert "parts of another run: the input changed since; --overwrite drops them" in refused()
    broken_off(7)
    register(scored_models, tmp_path, MODEL)
    assert "parts of another run: they are of version " in refused()
    assert batch(URI, table, output, "--overwrite") == ROWS_FAILED
    assert pq.read_table(output).num_rows == 7


def test_only_a_few_rows_are_in_memory_at_a_time(
    runs: Runs, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[int] = []
    batches = tables.ParquetTable.batches

    def counted(self: tables.ParquetTable, first: int, size: int) -> Iterator[Any]:
        for found in batches(self, first, size):
            read.append(found.num_rows)
            yield found

    monkeypatch.setattr(tables.ParquetTable, "batches", counted)
    monkeypatch.setattr(writers, "GROUP_ROWS", 50)
    assert batch(*runs.arguments[:-2]) == ROWS_FAILED
    assert max(read) == 5
    assert sum(read) == 2 * runs.ROWS, "once for the model and once for the output"
    written = pq.ParquetFile(runs.output).metadata
    groups = [written.row_group(number).num_rows for number in range(written.num_row_groups)]
    assert groups == [50] * (runs.ROWS // 50)
