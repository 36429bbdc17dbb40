"""Tests the scoring job as a process, with a real registry.

They look at the file that it writes, the cost of a kill, and what readers see meanwhile.
"""

import os
import signal
import sys
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import httpx2
import pyarrow.parquet as pq
import pytest

from examples.football import file_layout as layout
from testkit.background import Background
from testkit.preloaded import completed
from testkit.register_matches import FIRST, MATCHES, REFUSED, home_score
from testkit.servers import Valkey
from testkit.stack import Process, Stack
from testkit.waiting import until

MODEL = "narrow"
TRAINED_BEFORE = date(2017, 1, 1)
DAYS_BEFORE = (TRAINED_BEFORE - FIRST).days
UPCOMING = set(range(2 * DAYS_BEFORE, MATCHES))
SCORED = UPCOMING - {REFUSED}
BATCH = 8


def register(url: str, first: date) -> None:
    """Registers another version and moves the alias to it."""
    done = completed("testkit.register_matches", url, MODEL, first.isoformat(), env={})
    assert done.returncode == 0, done.stderr


class Job:
    """Runs of the scoring job, and the file that they leave."""

    def __init__(self, folder: Path, registry_url: str) -> None:
        self.file = folder / "out" / "matches.parquet"
        self.parts = self.file.with_name("matches.parquet.parts")
        self._folder = folder
        self._env = {
            "MLFLOW_TRACKING_URI": registry_url,
            "MODEL_URI": f"models:/{MODEL}@production",
            "MODEL_CODE": "allow",
            "BATCH_SIZE": str(BATCH),
        }
        self._env["BATCH_OUTPUT_URL"] = str(self.file)
        self._runs: list[Process] = []

    def start(self, **env: str) -> Process:
        name = f"batch-{len(self._runs)}"
        run = Process(
            name,
            [sys.executable, "-m", "examples.football.scoring"],
            self._env | env,
            self._folder / f"{name}.log",
        )
        self._runs.append(run)
        run.start()
        return run

    def run(self, **env: str) -> Process:
        """A run to its good end."""
        run = self.start(**env)
        assert run.wait(120) == 0, run.log.read_text()
        return run

    def scored(self) -> list[Path]:
        return sorted(self.parts.glob("*/*.parquet"))

    def rows(self) -> list[dict[str, Any]]:
        return list(pq.read_table(self.file).to_pylist())

    def end(self) -> None:
        for run in self._runs:
            run.kill()


@pytest.fixture(scope="module")
def registry_url(fault_registry: str) -> str:
    register(fault_registry, TRAINED_BEFORE)
    return fault_registry


@pytest.fixture
def job(registry_url: str, tmp_path: Path) -> Iterator[Job]:
    job = Job(tmp_path, registry_url)
    yield job
    job.end()


def test_all_matches_after_the_training_are_scored_as_the_model_says(job: Job) -> None:
    run = job.run()
    rows = job.rows()
    assert {row["match_id"] for row in rows} == SCORED
    assert all(row["date"] >= TRAINED_BEFORE for row in rows)
    assert all((row["home"], row["draw"]) == (home_score(row["match_id"]), 0.25) for row in rows)
    assert [(row["date"], row["match_id"]) for row in rows] == sorted(
        (row["date"], row["match_id"]) for row in rows
    )
    assert pq.read_schema(job.file).equals(layout.arrow_schema())
    assert [event["match_id"] for event in run.events("batch.refused")] == [REFUSED]
    assert run.events("batch.halved"), "eight rows are more than the model holds"
    assert [event["matches"] for event in run.events("batch.scored")][-1] == len(UPCOMING)
    assert list(job.file.parent.iterdir()) == [job.file]


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_run_that_was_ended_goes_on_where_it_was(job: Job, number: signal.Signals) -> None:
    stranger = job.parts / "something-else" / "000000.parquet"
    stranger.parent.mkdir(parents=True)
    stranger.write_bytes(b"")
    first = job.start()
    until(
        lambda: len(job.scored()) >= 5 and not stranger.exists(),
        "some parts of the first run alone",
        120,
    )
    first.signal(number)
    first.wait()
    assert not job.file.exists()
    kept = job.scored()
    assert 5 <= len(kept) < len(UPCOMING) // BATCH
    # Whoever killed it may have cut a file short, too: that one is not trusted.
    kept[2].write_bytes(kept[2].read_bytes()[:-50])
    ended = datetime.now(UTC)
    second = job.run()
    assert [event["matches"] for event in second.events("batch.resumed")] == [
        BATCH * (len(kept) - 1)
    ]
    rows = job.rows()
    assert {row["match_id"] for row in rows} == SCORED
    assert sum(row["scored_at"] < ended for row in rows) == BATCH * (len(kept) - 1), (
        "what was scored is not scored again"
    )
    assert not job.parts.exists()


def test_a_file_that_is_up_to_date_is_left_alone_and_an_older_model_s_is_not(
    job: Job, registry_url: str
) -> None:
    job.run()
    before = job.file.stat()
    assert job.run(BATCH_SIZE="100").events("batch.up_to_date")
    assert (job.file.stat().st_ino, job.file.stat().st_mtime_ns) == (
        before.st_ino,
        before.st_mtime_ns,
    )
    version = job.rows()[0]["model_version"]
    register(registry_url, TRAINED_BEFORE)
    job.run()
    assert {row["model_version"] for row in job.rows()} == {str(int(version) + 1)}


def test_readers_see_one_file_or_the_other_and_the_gateway_notices(
    job: Job, valkey: Valkey, registry_url: str, tmp_path: Path
) -> None:
    env = {
        "EXTENSIONS": "examples.football.gateway:install",
        "BATCH_OUTPUT_URL": str(job.file),
        "BATCH_REFRESH_S": "0.1",
    }
    stack = Stack(tmp_path, valkey, registry_url, MODEL, env)
    url = stack.add_gateway().url
    try:
        assert httpx2.get(f"{url}/predict/{max(SCORED)}", verify=False).status_code == 503
        job.run()
        until(
            lambda: httpx2.get(f"{url}/predict/{min(SCORED)}", verify=False).status_code == 200,
            "the gateway to notice the file",
        )
        later = {number for number in SCORED if number >= 200}
        with Reader(job.file, url) as reader:
            job.run(BATCH_FROM_DATE=str(job.rows()[200 - min(SCORED)]["date"]))
            until(
                lambda: reader.failed or reader.seen["gateway", len(later)],
                "the gateway to serve the new file",
            )
        assert reader.failed == ""
        assert set(reader.seen) == {
            (who, count) for who in ("file", "gateway") for count in (len(SCORED), len(later))
        }
        assert httpx2.get(f"{url}/predict/{min(SCORED)}", verify=False).status_code == 404
        assert httpx2.get(f"{url}/readyz", verify=False).status_code == 200
    finally:
        stack.stop()


class Reader(Background):
    """Reads the file all the time, and counts how many matches it found.

    It reads by itself and through a gateway.
    """

    def __init__(self, file: Path, url: str) -> None:
        super().__init__()
        self.seen: Counter[tuple[str, int]] = Counter()
        self.failed = ""
        self._file = file
        self._url = url

    def _run(self) -> None:
        try:
            with httpx2.Client(timeout=30, verify=False) as client:
                while not self._stop.is_set():
                    self.seen["file", self._rows()] += 1
                    self.seen["gateway", self._pages(client)] += 1
        except Exception as error:
            self.failed = repr(error)

    def _rows(self) -> int:
        """Returns the number of rows in the file, which it opens once.

        By its path pyarrow opens a file several times, and then reads the foot of one and the rows
        of another.
        """
        with self._file.open("rb") as file:
            return int(pq.read_table(file).num_rows)

    def _pages(self, client: httpx2.Client) -> int:
        """As the metrics have it: pages may be of two files."""
        lines = client.get(f"{self._url}/metrics").text.splitlines()
        return next(
            int(float(line.split()[1])) for line in lines if line.startswith("prediction_matches ")
        )


@pytest.mark.parametrize(
    ("env", "sentence"),
    [
        ({"BATCH_OUTPUT_URL": ""}, "BATCH_OUTPUT_URL"),
        ({"BATCH_OUTPUT_URL": "nonsense://x/y"}, "nonsense://x/y is no place for a file"),
        ({"BATCH_FROM_DATE": "soon"}, "BATCH_FROM_DATE"),
        ({"MODEL_URI": "models:/fault@production"}, "the model brings no matches along"),
        (
            {"MODEL_URI": "models:/absent@production", "START_TIMEOUT_S": "0.1"},
            "has no models:/absent@production",
        ),
    ],
)
def test_what_can_not_work_is_one_sentence(job: Job, env: dict[str, str], sentence: str) -> None:
    run = job.start(**env)
    assert run.wait(60) == 1
    (line,) = [line for line in run.log.read_text().splitlines() if line.startswith("batch: ")]
    assert sentence in line
    assert not job.file.exists()


def test_a_place_that_can_not_be_written_to_is_said_and_what_was_scored_is_kept(job: Job) -> None:
    job.file.mkdir(parents=True)
    run = job.start()
    assert run.wait(60) == 1
    assert run.events("batch.failed")
    assert len(job.scored()) == -(-len(UPCOMING) // BATCH)
    os.rmdir(job.file)
    assert job.run().events("batch.resumed")
    assert len(job.rows()) == len(SCORED)
