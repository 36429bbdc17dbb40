"""Tests this version beside the one before `app/contract` became `inference/`.

Both use one store, as in a rolling update.
"""

import os
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import httpx2
import pytest

from testkit.servers import MlflowServer, Valkey, free_port
from testkit.stack import ROOT, Client, Process, Stack

COMMIT = "d33df115b1263fe8519ba90cda1cb41c924f2739"
MODEL = "before"
SETTINGS = {"RETRY_BASE_S": "0.1", "RETRY_CAP_S": "1", "MAX_ATTEMPTS": "2"}


@pytest.fixture(scope="module")
def before(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tree of the version before, as this repository's history has it."""
    packed = subprocess.run(["git", "archive", COMMIT], cwd=ROOT, capture_output=True, check=False)
    if packed.returncode and "CI" not in os.environ:
        pytest.skip("the history of this clone does not go back to the version before")
    assert packed.returncode == 0, packed.stderr.decode()
    folder = tmp_path_factory.mktemp("before")
    with tarfile.open(fileobj=BytesIO(packed.stdout)) as archive:
        archive.extractall(folder, filter="data")
    return folder


class BothVersions(Stack):
    """Starts processes of either version; the model was registered by the version before."""

    def __init__(self, folder: Path, valkey: Valkey, mlflow_url: str, before: Path) -> None:
        super().__init__(folder, valkey, mlflow_url, MODEL, SETTINGS)
        self.before = before

    def start_old_gateway(self) -> Process:
        port = free_port()
        command = [
            sys.executable,
            "-m",
            "uvicorn",
            "--http",
            "app.api.connection:Bounded",
            "--factory",
            "app.main:create_app",
        ]
        command += ["--host", "127.0.0.1", "--port", str(port), "--log-level", "warning"]
        return self._start(self.gateways, "old-gateway", command, port, {}, folder=self.before)

    def start_old_worker(self) -> Process:
        port = free_port()
        env = {"PROBE_PORT": str(port), "WORKER_ID": "old-worker"}
        command = [sys.executable, "-m", "worker"]
        return self._start(self.workers, "old-worker", command, port, env, folder=self.before)

    def client_of(self, gateway: Process) -> Client:
        client = Client([gateway.url])
        self._clients.append(client)
        return client


@pytest.fixture
def stack(before: Path, mlflow_server: MlflowServer, tmp_path: Path) -> Iterator[BothVersions]:
    register = [
        sys.executable,
        "-m",
        "tests.support.register",
        mlflow_server.url,
        MODEL,
        str(before / "tests/support/fault_model.py"),
    ]
    subprocess.run(
        register,
        cwd=before,
        env=os.environ | {"PYTHONPATH": str(before)},
        check=True,
        capture_output=True,
    )
    valkey = Valkey(tmp_path / "valkey")
    valkey.start()
    both = BothVersions(tmp_path, valkey, mlflow_server.url, before)
    yield both
    both.stop()
    valkey.kill()


def test_a_store_that_the_version_before_wrote_is_read_and_worked_off(stack: BothVersions) -> None:
    """The old store has records that wait, run, and are dead-lettered.

    The worker that runs them is killed; then every process of that version is gone.
    """
    old_gateway, old_worker = stack.start_old_gateway(), stack.start_old_worker()
    for process in (old_gateway, old_worker):
        stack.wait_for(process)
    client = stack.client_of(old_gateway)
    failed = client.submit({"do": "raise"})
    assert client.ended(failed)["status"] == "failure"
    invalid = client.submit({"do": "invalid"})
    assert client.ended(invalid)["error"]["type"] == "invalid_input"
    running = client.begun(client.submit({"do": "answer", "seconds": 20.0, "value": 0}))
    waiting = [
        client.submit({"do": "answer", "value": value}, match_id=value) for value in range(1, 20)
    ]
    old_worker.kill()
    stack.add_worker(wait=False)
    new = stack.client_of(stack.add_gateway())
    old_gateway.kill()
    assert [new.ended(task_id)["result"]["value"] for task_id in waiting] == list(range(1, 20))
    assert new.ended(running, limit_s=90)["status"] == "success"
    letters = new.get("/dead-letters").json()
    assert {letter["task_id"] for letter in letters["items"]} == {failed, invalid}
    assert new.status(failed)["error"]["type"] == "model_error"


def test_gateways_and_workers_of_both_versions_share_the_work(stack: BothVersions) -> None:
    stack.start_old_gateway()
    stack.start_old_worker()
    stack.start_gateway()
    stack.add_worker(wait=False)
    for process in (*stack.gateways, *stack.workers):
        stack.wait_for(process)
    clients = [stack.client_of(gateway) for gateway in stack.gateways]
    for value in range(20):
        answer = clients[value % 2].post(
            "/predict/", {"features": {"do": "answer", "value": value}}
        )
        assert (answer.status_code, answer.json()["result"]["value"]) == (200, value)
    ids = [
        clients[value % 2].submit({"do": "answer", "seconds": 0.05, "value": value})
        for value in range(120)
    ]
    for value, task_id in enumerate(ids):
        record = clients[(value + 1) % 2].ended(task_id)
        assert (record["status"], record["result"]["value"]) == ("success", value), (
            "the other version's gateway reads it"
        )
    invalid = [
        client.ended(client.submit({"do": "invalid"}))["error"]["type"]
        for client in (*clients, *clients)
    ]
    assert invalid == ["invalid_input"] * 4
    workers = [client.get("/monitoring/workers").json()["workers"] for client in clients]
    assert [{worker["id"] for worker in listed} for listed in workers] == [
        {"old-worker", "worker-1"}
    ] * 2
    for worker in stack.workers:
        assert (
            'worker_predictions_total{model="before",state="success"}'
            in httpx2.get(f"{worker.url}/metrics", verify=False).text
        )
