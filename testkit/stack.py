"""Runs the whole service as processes on this machine.

They are gateways and workers around a Valkey and an MLflow of the test's.
"""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import cycle
from pathlib import Path
from typing import Any

import httpx2

from testkit.preloaded import Forked, die_with_parent, forker
from testkit.process_facts import children, events, is_model_process, kill, threads
from testkit.servers import Valkey, free_port
from testkit.waiting import until

ROOT = Path(__file__).resolve().parents[1]
KEPT_ALIVE = httpx2.Limits(keepalive_expiry=2.0)
"""A test's client drops an idle connection before the gateway does.

The gateway could close it as a request is on its way.
"""


@dataclass
class Process:
    """One process of the service, its lines in a file."""

    name: str
    command: list[str]
    env: dict[str, str]
    log: Path
    url: str = ""
    popen: subprocess.Popen[bytes] | Forked | None = None
    preloaded: bool = True
    folder: Path = ROOT
    """The tree whose code it runs."""

    def start(self) -> None:
        """Starts it, forked from a preloaded interpreter where that makes no difference."""
        env = os.environ | {"PYTHONPATH": str(self.folder)} | self.env
        if self.preloaded and self.folder == ROOT and (source := forker(self.command[2], self.env)):
            self.popen = source.start(self.command[2:], env, self.log, ROOT)
            return
        with self.log.open("ab") as out:
            self.popen = subprocess.Popen(
                self.command,
                stdout=out,
                stderr=out,
                env=env,
                cwd=self.folder,
                start_new_session=True,
                preexec_fn=die_with_parent,
            )

    @property
    def pid(self) -> int:
        assert self.popen is not None
        return self.popen.pid

    def children(self) -> list[int]:
        """The ids of its child processes."""
        return children(self.pid)

    def model_process(self) -> int:
        """The id of a worker's child that holds the model or loads it, or 0.

        It is 0 while a dead child is not replaced yet.
        """
        found = [pid for pid in self.children() if is_model_process(pid)]
        return found[-1] if found else 0

    def threads(self) -> int:
        """How many threads it has."""
        return threads(self.pid)

    def events(self, name: str) -> list[dict[str, Any]]:
        """The log lines of an event."""
        return events(self.log, name)

    def signal(self, number: signal.Signals) -> None:
        os.kill(self.pid, number)

    def died(self) -> bool:
        """Whether it ended and nobody started it again."""
        return self.popen is not None and self.popen.poll() is not None

    def kill(self) -> None:
        """Ends it, and what it left in its session."""
        if self.popen is None:
            return
        if self.popen.poll() is None:  # the id of one that was reaped may be a stranger's by now
            for pid in [self.pid, *self.children()]:
                kill(pid)
        self.popen.wait()
        self.popen = None

    def wait(self, limit_s: float = 60) -> int:
        """Returns its exit code."""
        assert self.popen is not None
        return self.popen.wait(limit_s)


@dataclass
class Stack:
    """Gateways and workers of one service; `env` is what all of them get."""

    folder: Path
    valkey: Valkey
    mlflow_url: str
    model: str
    env: dict[str, str] = field(default_factory=dict)
    preloaded: bool = True
    """False where their memory or their start is measured."""
    listen: str = "127.0.0.1"
    """Where gateways and probes listen; `::` is everywhere, by IPv4 and IPv6."""
    run_by: tuple[str, ...] = ()
    """What each command is run by, such as setpriv; it is never preloaded then."""
    gateways: list[Process] = field(default_factory=list)
    workers: list[Process] = field(default_factory=list)
    _clients: list["Client"] = field(default_factory=list)

    def _env(self, extra: dict[str, str]) -> dict[str, str]:
        uri = f"models:/{self.model}@production"
        shared = {
            "STORE_URL": self.valkey.url(0),
            "BROKER_URL": self.valkey.url(1),
            "MLFLOW_TRACKING_URI": self.mlflow_url,
            # The fault model is a model from code.
            "MODEL_CODE": "allow",
        }
        return shared | {"MODEL_URIS": uri, "MODEL_URI": uri} | self.env | extra

    def add_gateway(self, **extra: str) -> Process:
        """Starts a gateway and waits until it is ready."""
        process = self.start_gateway(**extra)
        self.wait_for(process)
        return process

    def start_gateway(self, **extra: str) -> Process:
        """Starts a gateway that need not become ready."""
        port = free_port()
        host = "" if self.listen == "::" else self.listen
        options = ["--host", host, "--port", str(port), "--no-access-log", "--log-level", "warning"]
        protocol = ["--http", "app.http.protocol:BoundedHttpProtocol"]
        server = [sys.executable, "-m", "uvicorn", *protocol]
        command = [*server, "--factory", "app.main:create_app", *options]
        return self._start(self.gateways, f"gateway-{len(self.gateways)}", command, port, extra)

    def add_worker(self, wait: bool = True, **extra: str) -> Process:
        """Starts a worker and, unless told otherwise, waits until it holds the model."""
        port = free_port()
        name = f"worker-{len(self.workers)}"
        own = {"PROBE_HOST": self.listen, "PROBE_PORT": str(port), "WORKER_ID": name} | extra
        process = self._start(self.workers, name, [sys.executable, "-m", "worker"], port, own)
        if wait:
            self.wait_for(process)
        return process

    def _start(
        self,
        kind: list[Process],
        name: str,
        command: list[str],
        port: int,
        extra: dict[str, str],
        *,
        folder: Path = ROOT,
    ) -> Process:
        """Starts a process that answers on `port`, of the tree in `folder`."""
        process = Process(
            name,
            [*self.run_by, *command],
            self._env(extra),
            self.folder / f"{name}.log",
            f"http://{'[::1]' if self.listen == '::' else self.listen}:{port}",
            preloaded=self.preloaded and not self.run_by,
            folder=folder,
        )
        kind.append(process)
        process.start()
        return process

    def wait_for(self, process: Process) -> None:
        """Waits until a process is ready."""
        until(
            lambda: answers(process, "/readyz"),
            f"{process.name} to be ready, see {process.log}",
            90,
            step_s=0.1,
        )

    @staticmethod
    def stop_process(pid: int) -> None:
        """Freezes a process of ours."""
        os.kill(pid, signal.SIGSTOP)

    @staticmethod
    def resume_process(pid: int) -> None:
        """Lets it go on."""
        os.kill(pid, signal.SIGCONT)

    def client(self) -> "Client":
        """A client that alternates between the gateways."""
        client = Client([gateway.url for gateway in self.gateways])
        self._clients.append(client)
        return client

    def stop(self) -> None:
        for client in self._clients:
            client.close()
        for process in [*self.workers, *self.gateways]:
            process.kill()


class Client:
    """Calls alternate between the gateways, one after the other."""

    def __init__(self, urls: list[str]) -> None:
        self._http = httpx2.Client(timeout=60, limits=KEPT_ALIVE, verify=False)
        self._urls: Iterator[str] = cycle(urls)

    def submit(self, features: dict[str, Any], **body: Any) -> str:
        """Submits and returns the task id; anything but a 202 fails."""
        answer = self.post("/predict/async/", {"features": features, **body})
        assert answer.status_code == 202, answer.text
        return str(answer.json()["task_id"])

    def post(self, path: str, body: Any, headers: dict[str, str] | None = None) -> httpx2.Response:
        return self._http.post(f"{next(self._urls)}{path}", json=body, headers=headers)

    def send(self, path: str, body: bytes) -> httpx2.Response:
        """Posts a body as it is, JSON or not."""
        headers = {"content-type": "application/json"}
        return self._http.post(f"{next(self._urls)}{path}", content=body, headers=headers)

    def get(self, path: str) -> httpx2.Response:
        return self._http.get(f"{next(self._urls)}{path}")

    def status(self, task_id: str, wait: float = 0) -> dict[str, Any]:
        """The record of a task, by long-polling when `wait` is given (seconds)."""
        return dict(self.get(f"/monitoring/task_status/{task_id}?wait={wait:g}").json())

    def begun(self, task_id: str) -> str:
        """Waits until its run has begun: `started` is said from the claim on, a moment before.

        Returns the id.
        """
        until(
            lambda: self.status(task_id).get("started_at"),
            f"the run of {task_id} to begin",
            step_s=0.02,
        )
        return task_id

    def ended(self, task_id: str, limit_s: float = 60) -> dict[str, Any]:
        """The record once it has ended."""

        def final() -> dict[str, Any] | None:
            record = self.status(task_id, wait=10)
            return (
                record
                if record.get("status") in ("success", "failure", "cancelled", "expired")
                else None
            )

        return until(final, f"{task_id} to end", limit_s) or {}

    def queue(self) -> dict[str, Any]:
        """The numbers of the first queue."""
        return dict(self.get("/monitoring/queues").json()["queues"][0])

    def close(self) -> None:
        self._http.close()


def answers(process: Process, path: str) -> bool:
    """Whether a process answers 200; a process that ended fails the test with what it said last."""
    assert process.popen is not None
    if process.popen.poll() is not None:
        said = process.log.read_text(errors="replace")[-3000:]
        raise AssertionError(f"{process.name} ended with {process.popen.returncode}:\n{said}")
    try:
        return httpx2.get(process.url + path, timeout=5, verify=False).status_code == 200
    except httpx2.TransportError:
        return False
