"""The whole service on this machine, its models registered, and one worker at a time."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx2

from bench.batching import LIKE_THE_IMAGE
from bench.batching import MODEL as IMAGES
from bench.device import models
from bench.device.machine import Machine
from testkit.servers import MlflowServer, Valkey
from testkit.stack import ROOT, Process, Stack
from testkit.waiting import until

FAULT = "fault"
MODELS = (IMAGES, models.ALLOCATING, models.LOOKUP, models.DENSE)
ROW_SHARE = 0.3
"""Of the device's memory, for a row of the model that allocates: two fit, four don't."""

WAIT_MS = 2000
"""How long a batch waits for its rows where a step needs them in one batch."""


@dataclass
class Stand:
    """`registry` is MLflow's address, `holds` the model of the worker that runs."""

    machine: Machine
    stack: Stack
    registry: str
    holds: str = ""

    @property
    def worker(self) -> Process:
        """The one started last."""
        return self.stack.workers[-1]

    def only(self, model: str, rows: int, wait_ms: int = 0) -> Process:
        """Ends all workers and starts one of `model`, with batches of `rows`.

        Returns when the worker holds the model.
        """
        self.holds = ""
        for worker in self.stack.workers:
            worker.kill()
        self.stack.add_worker(
            MODEL_URI=_uri(model), MAX_BATCH_SIZE=str(rows), MAX_BATCH_WAIT_MS=str(wait_ms)
        )
        self.holds = model
        return self.worker


def _uri(model: str) -> str:
    return f"models:/{model}@production"


def loads(worker: Process) -> list[dict[str, object]]:
    """What its processes said when they held the model, each in its turn."""
    return worker.events("model.loaded")


def lives(worker: Process) -> bool:
    """Whether the worker's parent answers its liveness probe."""
    return not worker.died() and httpx2.get(f"{worker.url}/livez", timeout=5).status_code == 200


def metric(worker: Process, name: str) -> float:
    """The sum of a worker's metric over its labels."""
    lines = httpx2.get(f"{worker.url}/metrics", timeout=5).text.splitlines()
    return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(f"{name}{{"))


def until_loaded(worker: Process, times: int, limit_s: float = 90) -> float:
    """Waits until the model was loaded so many times; returns how long that took."""
    began = time.perf_counter()
    until(
        lambda: len(loads(worker)) >= times, f"load {times} of the model, see {worker.log}", limit_s
    )
    return time.perf_counter() - began


@contextmanager
def stand(folder: Path, machine: Machine) -> Iterator[Stand]:
    """Starts servers and gateways, and registers the models."""
    with ExitStack() as opened:
        registry, valkey = MlflowServer(folder / "mlflow"), Valkey(folder / "valkey")
        registry.start()
        opened.callback(registry.stop)
        valkey.start()
        opened.callback(valkey.kill)
        _register(registry.url, machine)
        service = Stack(folder, valkey, registry.url, IMAGES, _env(), preloaded=False)
        opened.callback(service.stop)
        for _ in range(max(1, min(4, machine.cores // 4))):
            service.add_gateway()
        yield Stand(machine, service, registry.url)


def _env() -> dict[str, str]:
    """MAX_ATTEMPTS 1: whoever is charged once is a failure, so that nobody is charged unseen."""
    paths = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    served = ",".join(map(_uri, (*MODELS, FAULT)))
    return LIKE_THE_IMAGE | {
        "MODEL_URIS": served,
        "MAX_ATTEMPTS": "1",
        "PYTHONPATH": os.pathsep.join(paths),
    }


def _register(url: str, machine: Machine) -> None:
    row_bytes = int(machine.memory_bytes * ROW_SHARE) if machine.has_gpu else 2**20
    size = models.DenseSize(512, 2048, 40) if machine.has_gpu else models.DenseSize(16, 1024, 16)
    python = [sys.executable, "-W", "ignore", "-m"]
    _together(
        [*python, "examples.image_classifier.register", "--tracking-uri", url],
        [*python, "testkit.register", url],
        models.command(url, row_bytes, size),
    )


def _together(*commands: list[str]) -> None:
    """Runs programs beside each other, since each spends its time importing.

    Raises RuntimeError if one fails.
    """
    running = [
        subprocess.Popen(
            command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        for command in commands
    ]
    try:
        for program in running:
            _, said = program.communicate()
            if program.returncode:
                raise RuntimeError(
                    f"{program.args!r} ended with {program.returncode}: {said[-2000:]}"
                )
    finally:
        for program in running:
            program.kill()
            program.wait()
