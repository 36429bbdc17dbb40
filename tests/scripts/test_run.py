"""scripts/run, as people use it: everything comes up, comes back, and goes away."""

import json
import os
import re
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import amqp
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
        lambda: httpx2.get(f"{run.url}/predict/6508", verify=False).status_code == 200,
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


def run_line(run: LocalRun, line: str, program: Path) -> str:
    """Runs a page's line as pasted, but for the run's own folder and port; returns its output."""
    line = line.replace(program.name, str(program)).replace(".state/", f"{run.state}/")
    line = line.replace("http://127.0.0.1:8000", run.url)
    done = subprocess.run(
        line,
        shell=True,
        cwd=ROOT,
        env=run.env(),
        capture_output=True,
        text=True,
        timeout=START_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_readme_s_own_model_is_added_and_answers_when_pasted(
    run: LocalRun, tmp_path: Path
) -> None:
    code, lines = readme.own_model("README.md", "iris")
    program = tmp_path / "register_iris.py"
    program.write_text(code)
    worker = run.process("-m worker")
    registered, added, answer = (run_line(run, line, program) for line in lines)
    assert "iris is served" in added, registered
    assert json.loads(answer)["result"] == 1
    assert run.process("-m worker") == worker, "the other worker goes on"


def test_a_model_added_before_it_is_registered_is_served_when_it_is(
    run: LocalRun, tmp_path: Path
) -> None:
    code, lines = readme.own_model("docs/models.md", "digits")
    program = tmp_path / "register_digits.py"
    program.write_text(code)
    said = run_line(run, "scripts/run add models:/digits@production", program)
    assert "not registered yet" in said
    run_line(run, lines[-1].partition("    #")[0], program)
    until(lambda: run.serves("digits"), "digits to be served", START_S)
    body = {"model": "digits", "features": [0.0] * 64}
    answer = httpx2.post(f"{run.url}/predict/", json=body, timeout=60, verify=False)
    assert answer.json()["result"] in range(10)


def test_what_is_no_model_is_not_added(run: LocalRun, tmp_path: Path) -> None:
    for entry, words in (("models:/iris", "is not a model"), ("", "add needs a model")):
        done = subprocess.run(
            [ROOT / "scripts/run", "add", *([entry] if entry else [])],
            env=run.env(),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 1
        assert words in done.stderr
    nobody = run.env(STATE_DIR=str(tmp_path))
    done = subprocess.run(
        [ROOT / "scripts/run", "add", "models:/iris@production"],
        env=nobody,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, "no run is up" in done.stderr) == (1, True)


def test_the_printed_pages_answer(run: LocalRun) -> None:
    printed = re.findall(r"^  (its page|MLflow) +(http\S+)$", run.output(), re.MULTILINE)
    assert [
        httpx2.get(address, timeout=30, verify=False).status_code for _, address in printed
    ] == [200, 200]


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


@pytest.mark.rabbitmq
def test_a_rabbitmq_of_the_runs_own_carries_the_tickets_and_ends_with_it(run: LocalRun) -> None:
    earlier = run.predict()
    run.signal(signal.SIGTERM)
    run.start(BROKER="rabbitmq")
    assert run.predict() != earlier
    assert takers_of_tickets(run) == 1
    killed = run.process("beam.smp")
    os.kill(killed, signal.SIGKILL)
    until(lambda: run.process("beam.smp") != killed, "another RabbitMQ")
    run.predict()
    assert run.signal(signal.SIGINT) == 0
    assert run.processes() == {}


@pytest.mark.rabbitmq
def test_a_run_that_is_killed_leaves_no_rabbitmq(run: LocalRun) -> None:
    run.signal(signal.SIGTERM)
    run.launch(BROKER="rabbitmq")
    assert run.process("epmd -port")
    assert run.process("beam.smp")
    run.signal(signal.SIGKILL)
    until(lambda: run.processes() == {}, "all its processes to end")


def takers_of_tickets(run: LocalRun) -> int:
    """Returns how many workers wait at the RabbitMQ that the files of the run tell of."""
    password, port = run.state / "rabbitmq" / "password", run.state / "rabbitmq.port"
    assert password.stat().st_mode & 0o777 == 0o600
    with (
        amqp.Connection(
            f"127.0.0.1:{port.read_text()}", userid="inference", password=password.read_text()
        ) as connection,
        connection.channel() as channel,
    ):
        queue = channel.queue_declare("inference.match-outcome", passive=True)
        return int(queue.consumer_count)
