"""scripts/run, as people use it: everything comes up, comes back, and goes away."""

import json
import os
import re
import signal
import subprocess
from collections.abc import Iterator

import httpx2
import pytest

from testkit.servers import free_port
from testkit.stack import ROOT
from testkit.waiting import until
from tests.scripts import readme
from tests.scripts.local_run import START_S, LocalRun
from tests.scripts.readme import Shell


@pytest.fixture(scope="module")
def only_run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalRun]:
    run = LocalRun(tmp_path_factory.mktemp("run"))
    yield run
    run.end()


@pytest.fixture
def run(only_run: LocalRun) -> LocalRun:
    """The run, up; a test may leave it down."""
    only_run.ensure_up()
    return only_run


def pasted(run: LocalRun, path: str) -> dict[str, str]:
    """What a shell gets from the curl line that was printed for a path."""
    lines = [
        line.strip() for line in run.output().splitlines() if "curl" in line and f"{path} " in line
    ]
    assert len(lines) == 1, run.output()
    answer = subprocess.run(
        lines[0], shell=True, capture_output=True, text=True, check=True, timeout=60
    )
    return dict(json.loads(answer.stdout))


def test_the_printed_lines_predict_when_pasted(run: LocalRun) -> None:
    assert pasted(run, "/predict/")["status"] == "success"
    accepted = pasted(run, "/predict/async/")
    assert accepted["status_url"].startswith("/monitoring/task_status/")
    until(lambda: run.status(accepted["task_id"]) == "success", "it to succeed", START_S)


def test_the_calls_of_the_readme_answer_what_it_shows(run: LocalRun) -> None:
    shell = Shell(run.url)
    until(
        lambda: httpx2.get(f"{run.url}/predict/6508").status_code == 200,
        "the upcoming matches to be scored",
        START_S,
    )
    pasted = [
        (readme.shape(shell.paste(command, shown)), readme.shape(shown))
        for command, shown in readme.calls()
    ]
    assert len(pasted) >= 4, "the README's calls were not found"
    for answered, shown in pasted:
        assert answered == shown


def test_the_printed_pages_answer(run: LocalRun) -> None:
    printed = re.findall(r"^  (its page|MLflow) +(http\S+)$", run.output(), re.MULTILINE)
    assert [httpx2.get(address, timeout=30).status_code for _, address in printed] == [200, 200]


@pytest.mark.parametrize(
    ("part", "name"),
    [("-m worker", "worker-1"), ("valkey-server", "valkey"), ("app.main", "gateway")],
)
def test_a_part_that_is_killed_is_started_again(run: LocalRun, part: str, name: str) -> None:
    earlier, killed = run.predict(), run.process(part)
    os.kill(killed, signal.SIGKILL)
    until(lambda: run.process(part) != killed, f"another {part}")
    until(run.serves, "the run to serve again", START_S)
    assert run.status(earlier) == "success"
    assert run.predict() != earlier
    assert f"{name} was killed by SIGKILL; starting it again" in run.output()


def test_a_second_run_on_the_same_folder_is_refused(run: LocalRun) -> None:
    env = run.env(PORT=str(free_port()))
    second = subprocess.run(
        [ROOT / "scripts/run"], check=False, env=env, capture_output=True, text=True, timeout=60
    )
    assert second.returncode != 0
    assert second.stderr.count("\n") == 1
    assert str(run.state) in second.stderr
    assert "in use" in second.stderr


def test_a_run_that_is_stopped_leaves_nothing_and_the_next_has_all_it_needs(run: LocalRun) -> None:
    earlier = run.predict()
    assert run.signal(signal.SIGTERM) == 0
    assert run.processes() == {}
    run.start()
    assert "training" not in run.output()
    assert run.status(earlier) == "success"


def test_a_run_that_is_killed_leaves_nothing(run: LocalRun) -> None:
    assert run.process("-m worker")
    assert run.process("valkey-server")
    run.signal(signal.SIGKILL)
    until(lambda: run.processes() == {}, "all its processes to end")
