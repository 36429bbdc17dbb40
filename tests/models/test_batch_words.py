"""What `python -m worker.batch` says: one sentence for what can't work, and how far it is."""

import io
import re
import sys
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from testkit.lanes import once
from testkit.servers import MlflowServer
from tests.models.batch_models import batch, people_in, register, set_environment
from worker.batch import ROWS_FAILED, WRONG
from worker.scoring import progress

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")

TABULAR, VECTOR = "batch-told", "batch-told-vector"
URI = f"models:/{TABULAR}@production"


@pytest.fixture(scope="module")
def scored_models(mlflow_server: MlflowServer, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The address of a registry that has the models."""

    def registered() -> str:
        folder = tmp_path_factory.mktemp("code")
        register(mlflow_server.url, folder, TABULAR)
        register(mlflow_server.url, folder, VECTOR, vector=True)
        return mlflow_server.url

    return once(tmp_path_factory, "batch-told", registered)


@pytest.fixture(autouse=True)
def settings(scored_models: str, monkeypatch: pytest.MonkeyPatch) -> None:
    set_environment(monkeypatch, scored_models)


@pytest.fixture
def table(tmp_path: Path) -> Path:
    return people_in(tmp_path)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ([URI, "absent.parquet", "o.csv"], "there is no file absent.parquet"),
        ([URI, "text.parquet", "o.csv"], "text.parquet can't be read"),
        ([URI, "people.parquet", "text.csv"], "text.csv exists: --overwrite replaces it"),
        ([URI, "people.parquet", "o.xlsx"], "o.xlsx ends neither in .parquet nor in .csv"),
        ([URI, "people.parquet", "people.parquet"], "the same file"),
        ([URI, "text.csv", "o.csv"], "the input lacks columns that the model needs: 'age'"),
        ([URI, "text.csv", "o.csv", "--columns", "x"], "the input has no column x"),
        ([URI, "twice.csv", "o.csv"], "two columns of one name: a"),
        ([URI, "uneven.csv", "o.csv"], "row 2 of uneven.csv has 1 values and not 2"),
        ([URI, "people.parquet", "o.csv", "--prediction", "id", "--error", "id"], "a column id"),
        ([URI, "people.parquet", "o.csv", "--params", '{"f": 1}'], "params.f is none of"),
        (["models:/batch-absent@x", "people.parquet", "o.csv"], "has no models:/batch-absent@x"),
        (["churn", "people.parquet", "o.csv"], "'churn' is not a model"),
        ([f"models:/{VECTOR}@production", "people.parquet", "o.csv"], "takes 3 columns without"),
        ([URI, "no://x/people.parquet", "o.csv"], "no://x/people.parquet is no place for a file"),
    ],
)
def test_what_can_not_work_is_one_sentence(
    table: Path,
    arguments: list[str],
    sentence: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(table.parent)
    for name, content in (
        ("text", "town\nBern"),
        ("twice", "a,a\n1,2"),
        ("uneven", "age,b\n1,2\n3"),
    ):
        Path(f"{name}.csv").write_text(content)
    Path("text.parquet").write_text("no parquet")
    assert batch(*arguments) == WRONG
    (line,) = [line for line in capsys.readouterr().err.splitlines() if line.startswith("batch: ")]
    assert sentence in line
    assert not Path("o.csv").exists()


def test_a_model_that_brings_code_is_refused_as_a_worker_refuses_it(
    table: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("MODEL_CODE", "refuse")
    assert batch(URI, table, tmp_path / "o.csv") == WRONG
    assert "MODEL_CODE" in capsys.readouterr().err


class Screen(io.StringIO):
    """A terminal."""

    def isatty(self) -> bool:
        return True


def test_a_person_at_a_terminal_sees_a_bar_and_a_sentence(
    table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "PAUSE_S", 0)
    monkeypatch.setattr(sys, "stderr", screen := Screen())
    with capture_logs() as logs:
        assert batch(URI, table, tmp_path / "o.csv", "--rows-per-batch", "1") == ROWS_FAILED
    *bars, sentence = screen.getvalue().split("\r")
    assert re.search(r"█{14}░{10} +57%  4 of 7 rows +[\d,]+ rows/s +0:00 left +3 errors", bars[4])
    assert re.fullmatch(r"\S+7 rows in \S+/o.csv, [\d,]+ rows/s, 3 errors\n", sentence)
    assert [line for line in logs if line["event"] == "batch.scored"] == []


def test_without_a_terminal_the_log_has_a_line_at_each_tenth(table: Path, tmp_path: Path) -> None:
    with capture_logs() as logs:
        assert batch(URI, table, tmp_path / "o.csv", "--rows-per-batch", "3") == ROWS_FAILED
    told = [(line["rows"], line["errors"]) for line in logs if line["event"] == "batch.scored"]
    assert told == [(3, 2), (6, 3), (7, 3)]
