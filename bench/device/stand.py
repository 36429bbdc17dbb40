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
MODELS = (IMAGES, models.ALLOCATING, models.LOOKUP, models.DENSE, FAULT)
ROW_SHARE = 0.3
"""Of the device's memory, for a row of the model that allocates: two fit, four don't."""

WAIT_MS = 2000
"""How long a batch waits for its rows where a step needs them in one batch."""


@dataclass(frozen=True)
class Plan:
    """What a stand has, and how long its steps measure.

    `seconds` is the length of a round, of `rounds`, for each of the first `sizes` batch sizes.
    Without `again` the bare loop runs before the service alone.
    """

    models: tuple[str, ...] = MODELS
    server: bool = True
    """False for a registry in a folder: mlflow-skinny has no server."""

    seconds: float = 3.0
    rounds: int = 2
    sizes: int = 3
    again: bool = True


@dataclass
class Stand:
    """`registry` is MLflow's address, `holds` the model and batch size of the only worker."""

    machine: Machine
    stack: Stack
    registry: str
    plan: Plan = Plan()
    holds: tuple[str, int, int] | None = None

    @property
    def worker(self) -> Process:
        """The one started last."""
        return self.stack.workers[-1]

    def only(self, model: str, rows: int, wait_ms: int = 0) -> Process:
        """Ends all workers and starts one of `model`, with batches of `rows`.

        Returns when the worker holds the model.
        """
        self.end_workers()
        self.another(model, rows, wait_ms)
        self.holds = (model, rows, wait_ms)
        return self.worker

    def kept(self, model: str, rows: int, wait_ms: int = 0) -> Process:
        """Returns the worker that runs if it is the only one and such a one, else starts one."""
        if self.holds == (model, rows, wait_ms):
            return self.worker
        return self.only(model, rows, wait_ms)

    def another(self, model: str, rows: int, wait_ms: int = 0) -> Process:
        """Starts a worker beside those that run; returns when it holds the model."""
        self.holds = None
        return self.stack.add_worker(
            MODEL_URI=_uri(model), MAX_BATCH_SIZE=str(rows), MAX_BATCH_WAIT_MS=str(wait_ms)
        )

    def end_workers(self) -> None:
        self.holds = None
        for worker in self.stack.workers:
            worker.kill()


def _uri(model: str) -> str:
    return f"models:/{model}@production"


def loads(worker: Process) -> list[dict[str, object]]:
    """What its processes said when they held the model, each in its turn."""
    return worker.events("model.loaded")


def lives(worker: Process) -> bool:
    """Whether the worker's parent answers its liveness probe."""
    return (
        not worker.died()
        and httpx2.get(f"{worker.url}/livez", timeout=5, verify=False).status_code == 200
    )


def metric(worker: Process, name: str) -> float:
    """The sum of a worker's metric over its labels."""
    lines = httpx2.get(f"{worker.url}/metrics", timeout=5, verify=False).text.splitlines()
    return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(f"{name}{{"))


def until_loaded(worker: Process, times: int, limit_s: float = 90) -> float:
    """Waits until the model was loaded so many times; returns how long that took."""
    began = time.perf_counter()
    until(
        lambda: len(loads(worker)) >= times, f"load {times} of the model, see {worker.log}", limit_s
    )
    return time.perf_counter() - began


@contextmanager
def stand(folder: Path, machine: Machine, plan: Plan = Plan()) -> Iterator[Stand]:
    """Starts servers and gateways, and registers the models."""
    with ExitStack() as opened:
        url = _server(folder, opened) if plan.server else f"file://{folder}/mlruns"
        valkey = Valkey(folder / "valkey")
        valkey.start()
        opened.callback(valkey.kill)
        _register(url, machine, plan)
        service = Stack(folder, valkey, url, plan.models[0], _env(plan), preloaded=False)
        opened.callback(service.stop)
        for _ in range(max(1, min(4, machine.cores // 4))):
            service.add_gateway()
        yield Stand(machine, service, url, plan)


def _server(folder: Path, opened: ExitStack) -> str:
    registry = MlflowServer(folder / "mlflow")
    registry.start()
    opened.callback(registry.stop)
    return registry.url


def _env(plan: Plan) -> dict[str, str]:
    """MAX_ATTEMPTS 1: whoever is charged once is a failure, so that nobody is charged unseen."""
    paths = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    return (
        LIKE_THE_IMAGE
        | {
            "MODEL_URIS": ",".join(map(_uri, plan.models)),
            "MAX_ATTEMPTS": "1",
            "PYTHONPATH": os.pathsep.join(paths),
        }
        | ({} if plan.server else {"MLFLOW_ALLOW_FILE_STORE": "true"})
    )


def _register(url: str, machine: Machine, plan: Plan) -> None:
    row_bytes = int(machine.memory_bytes * ROW_SHARE) if machine.has_gpu else 2**20
    size = models.DenseSize(512, 2048, 40) if machine.has_gpu else models.DenseSize(16, 1024, 16)
    python = [sys.executable, "-W", "ignore", "-m"]
    graphs = models.command(url, row_bytes, size, plan.models)
    others = {
        FAULT: [*python, "testkit.register", url],
        IMAGES: [*python, "examples.image_classifier.register", "--tracking-uri", url],
    }
    commands = [command for model, command in others.items() if model in plan.models]
    if plan.server:
        _together(graphs, *commands)
        return
    # The first one makes the folder; two at once would get in each other's way.
    _together(graphs)
    _together(*commands)


def _together(*commands: list[str]) -> None:
    """Runs programs beside each other, since each spends its time importing.

    Raises RuntimeError if one fails.
    """
    running = [
        subprocess.Popen(
            command,
            cwd=ROOT,
            env=os.environ | {"MLFLOW_ALLOW_FILE_STORE": "true"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
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
