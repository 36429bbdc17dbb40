"""Runs the contestants as processes: the service, the textbook's service and the empty route.

Their Valkeys sync before they answer.
"""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx2
import psutil

from bench.quick import Start
from testkit.servers import Valkey, free_port, registry_of_the_fault_model
from testkit.stack import ROOT, Stack
from testkit.waiting import until

SERVER = ["--host", "127.0.0.1", "--no-access-log", "--log-level", "warning"]


@dataclass
class Stands:
    """The addresses of the three, and what is behind them."""

    stack: Stack
    ours: str
    textbook: str
    empty: str
    textbook_store: Valkey
    env: dict[str, str]

    @contextmanager
    def our_worker(self, rows: int) -> Iterator[int]:
        """A worker with batches of `rows`; gives its process id."""
        worker = self.stack.add_worker(MAX_BATCH_SIZE=str(rows))
        yield worker.pid
        worker.signal(signal.SIGTERM)
        worker.wait()

    @contextmanager
    def textbook_worker(self) -> Iterator[int]:
        """A stock Celery worker, prefork, one child; gives its process id."""
        command = [
            sys.executable,
            "-m",
            "celery",
            "-A",
            "bench.textbook:celery",
            "worker",
            "--loglevel",
            "warning",
        ]
        with _process(command, self.env, self.stack.folder / "textbook-worker.log") as worker:
            until(lambda: _predicts(self.textbook), "the textbook's worker", 120)
            yield worker.pid


def _predicts(url: str) -> bool:
    answer = httpx2.post(
        f"{url}/predict/", json={"features": {"do": "answer"}}, timeout=60, verify=False
    )
    return answer.status_code == 200


@contextmanager
def _process(
    command: list[str], env: dict[str, str], log: Path
) -> Iterator[subprocess.Popen[bytes]]:
    with log.open("ab") as out:
        process = subprocess.Popen(
            command, stdout=out, stderr=out, cwd=ROOT, env=os.environ | env, start_new_session=True
        )
    try:
        yield process
    finally:
        for child in psutil.Process(process.pid).children(recursive=True):
            child.kill()
        process.kill()
        process.wait()


@contextmanager
def _served(app: str, env: dict[str, str], log: Path) -> Iterator[str]:
    port = free_port()
    with _process([sys.executable, "-m", "uvicorn", app, "--port", str(port), *SERVER], env, log):
        url = f"http://127.0.0.1:{port}"
        until(lambda: _answers(url), f"{app} to answer", 60)
        yield url


def _answers(url: str) -> bool:
    try:
        return httpx2.get(f"{url}/docs", verify=False).status_code == 200
    except httpx2.TransportError:
        return False


@contextmanager
def stands(folder: Path, start: Start) -> Iterator[Stands]:
    """Starts all but the workers."""
    with ExitStack() as stack:
        mlflow_url = stack.enter_context(
            registry_of_the_fault_model(folder / "mlflow", start.registry)
        )
        mine, theirs = Valkey(folder / "ours"), Valkey(folder / "textbook")
        for server in (mine, theirs):
            server.start()
            stack.callback(server.kill)
        service = Stack(folder, mine, mlflow_url, "fault", preloaded=start.preloaded)
        stack.callback(service.stop)
        gateway = service.add_gateway()
        env = {
            "STORE_URL": theirs.url(0),
            "BROKER_URL": theirs.url(1),
            "MODEL_URI": "models:/fault@production",
            "MODEL_CODE": "allow",
        }
        env["MLFLOW_TRACKING_URI"] = mlflow_url
        textbook = stack.enter_context(_served("bench.textbook:app", env, folder / "textbook.log"))
        empty = stack.enter_context(_served("bench.empty_app:app", {}, folder / "empty.log"))
        yield Stands(service, gateway.url, textbook, empty, theirs, env)
