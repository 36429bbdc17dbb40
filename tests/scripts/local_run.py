"""A run of scripts/run as a person starts it, in a folder and on a port of the test's."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import httpx2

from testkit.servers import free_port
from testkit.stack import ROOT
from testkit.waiting import until

OURS = (
    "STATE_DIR",
    "PORT",
    "WORKERS",
    "BROKER",
    "STORE_URL",
    "BROKER_URL",
    "MLFLOW_TRACKING_URI",
    "MODEL_URI",
    "MODEL_URIS",
    "PYTHON",
)
START_S = 240
PREDICTION_S = 150
"""A killed worker counts as alive for a lease yet, and its successor has to load the model."""


def environment(**settings: str) -> dict[str, str]:
    """The environment without what a developer may have set for a run of their own."""
    return {key: value for key, value in os.environ.items() if key not in OURS} | settings


class LocalRun:
    """One folder, in which a run may be started again and again."""

    def __init__(self, folder: Path) -> None:
        self.state = folder / "state"
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._output = folder / "output"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, **settings: str) -> None:
        """Starts a run and waits for the block that it prints when it is ready."""
        self.launch(**settings)
        until(self._welcomed, "the run to be ready", START_S)

    def launch(self, **settings: str) -> None:
        """Starts a run."""
        with self._output.open("wb") as out:
            self._process = subprocess.Popen(
                [ROOT / "scripts/run"],
                stdout=out,
                stderr=out,
                env=self.env(**settings),
                start_new_session=True,
            )

    def env(self, **settings: str) -> dict[str, str]:
        return environment(**{"STATE_DIR": str(self.state), "PORT": str(self.port)} | settings)

    def _welcomed(self) -> bool:
        assert self._process is not None
        if (code := self._process.poll()) is not None:
            raise AssertionError(f"the run ended with {code}:\n{self.output()}")
        return "Ctrl-C stops everything." in self.output()

    def ensure_up(self) -> None:
        """Starts a run unless one is up."""
        if self._process is None or self._process.poll() is not None:
            self.start()
        until(self.serves, "the run to serve", START_S)

    def output(self) -> str:
        """All that it printed."""
        return self._output.read_text(errors="replace")

    def serves(self, pool: str = "match-outcome") -> bool:
        """Whether the gateway is ready and knows a worker that holds a pool's model."""
        try:
            answer = httpx2.get(f"{self.url}/readyz", timeout=5, verify=False)
        except httpx2.TransportError:
            return False
        served = answer.json()["models"].get(pool, {})
        return answer.status_code == 200 and served.get("workers", 0) > 0

    def signal(self, number: signal.Signals) -> int:
        """Sends a signal to the run alone, and returns its exit code."""
        assert self._process is not None
        self._process.send_signal(number)
        return self._process.wait(60)

    def processes(self) -> dict[int, str]:
        """Returns id and command line of every living process that was started for this run.

        It does not matter which parent the process has now.
        """
        entries = [entry for entry in Path("/proc").iterdir() if entry.name.isdecimal()]
        return {int(entry.name): _command(entry) for entry in entries if self._started(entry)}

    def _started(self, entry: Path) -> bool:
        """Whether the process was started for this run, by its environment or its folder.

        Valkey writes its title over its environment, so it is known by the folder that it works in.
        """
        try:
            inherited = f"STATE_DIR={self.state}".encode() in (
                entry / "environ"
            ).read_bytes().split(b"\0")
            return inherited or (entry / "cwd").readlink().is_relative_to(self.state)
        except OSError:
            return False

    def process(self, part: str) -> int:
        """The oldest process whose command line holds the words, once there is one."""
        return until(
            lambda: min(
                (pid for pid, command in self.processes().items() if part in command),
                key=_started_at,
                default=0,
            ),
            part,
        )

    def predict(self) -> str:
        """Has a new prediction made and returns its task id.

        It waits however long the worker takes to come back.
        """
        headers = {"Cache-Control": "no-cache"}
        answer = httpx2.post(
            f"{self.url}/predict/async/",
            json={"match_id": 6508},
            headers=headers,
            timeout=60,
            verify=False,
        )
        assert answer.status_code == 202, answer.text
        task_id = str(answer.json()["task_id"])
        until(lambda: self.status(task_id) == "success", f"{task_id} to succeed", PREDICTION_S)
        return task_id

    def status(self, task_id: str) -> str:
        """What the gateway says of a task."""
        answer = httpx2.get(
            f"{self.url}/monitoring/task_status/{task_id}?wait=5", timeout=60, verify=False
        )
        return str(answer.json()["status"])

    def end(self) -> None:
        """Leaves nothing, whatever a test did."""
        if self._process is not None and self._process.poll() is None:
            self.signal(signal.SIGTERM)
        for pid in self.processes():
            os.kill(pid, signal.SIGKILL)


def _command(entry: Path) -> str:
    try:
        return (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
    except OSError:
        return ""


def _started_at(pid: int) -> int:
    """When it started, in clock ticks since boot; ids say nothing of it, for they begin anew.

    It is field 22 of /proc/<pid>/stat (proc_pid_stat(5)), the 20th after the command's name.
    """
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19])
    except OSError:
        return sys.maxsize
