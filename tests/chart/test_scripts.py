"""The two programs of the chart: what `helm test` runs, and what the training waits with."""

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from testkit.servers import free_port
from tests.chart.rendering import containers, scenario


@contextmanager
def answering(*answers: tuple[int, dict[str, Any]]) -> Iterator[tuple[str, list[str]]]:
    """A gateway that answers so, one by one; gives its address and the calls that it got."""
    left, calls = list(answers), []

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
            calls.append(f"{self.command} {self.path} {body}".strip())
            status, answer = left.pop(0)
            said = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(said)))
            self.end_headers()
            self.wfile.write(said)

        do_GET = do_POST = _answer

        def log_message(self, format: str, *args: object) -> None:
            """Nobody reads this."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", calls
        server.shutdown()


def run(ending: str, address: str) -> subprocess.CompletedProcess[str]:
    """Runs a container's command as rendered, but against that address."""
    (command,) = [
        [*container["command"], *container["args"]]
        for _, pod in scenario("tryout").pods()
        for container in containers(pod)
        if container["name"] == ending
    ]
    assert command[0] in ("python", "python3")
    told = [
        argument.replace("http://inference-api:80", address).replace(
            "http://inference-mlflow:5000", address
        )
        for argument in command
    ]
    return subprocess.run(
        [sys.executable, *told[1:]], check=False, capture_output=True, text=True, timeout=60
    )


TAKEN = {"task_id": "match-outcome-1", "status": "submitted"}


@pytest.mark.parametrize(
    ("end", "code"), [("success", 0), ("failure", 1), ("cancelled", 1), ("expired", 1)]
)
def test_the_prediction_of_helm_test_is_waited_for_through_a_gateway_that_is_not_ready_yet(
    end: str, code: int
) -> None:
    rest = [
        (200, TAKEN | {"status": "started"}),
        (200, TAKEN | {"status": "retry"}),
        (200, TAKEN | {"status": end}),
    ]
    with answering((503, {}), (202, TAKEN), *rest) as (address, calls):
        done = run("prediction", address)
    assert done.returncode == code, done.stderr
    assert calls[1] == 'POST /predict/async/ {"match_id":6508}'
    assert set(calls[2:]) == {"GET /monitoring/task_status/match-outcome-1?wait=20"}


def test_helm_test_says_what_the_gateway_refused() -> None:
    with answering((422, {"detail": "match_id is not known"})) as (address, _):
        done = run("prediction", address)
    assert done.returncode == 1
    assert "answered 422" in done.stderr
    assert "match_id is not known" in done.stderr


def test_the_training_begins_once_the_registry_answers() -> None:
    with answering((503, {}), (200, {})) as (address, calls):
        assert run("wait-for-mlflow", address).returncode == 0
    assert calls == ["GET /health"] * 2


def test_waiting_for_the_registry_bears_that_nobody_is_there() -> None:
    with pytest.raises(subprocess.TimeoutExpired):
        subprocess.run(
            [
                sys.executable,
                "-c",
                _source("wait-for-mlflow"),
                f"http://127.0.0.1:{free_port()}/health",
            ],
            check=True,
            timeout=3,
        )


def _source(name: str) -> str:
    pods = scenario("tryout").pods()
    return next(
        str(each["args"][0]) for _, pod in pods for each in containers(pod) if each["name"] == name
    )
