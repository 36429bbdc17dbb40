"""What the driver says of the device beside a run, and two workers on one device."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from bench.device.batches import load
from bench.device.machine import MIB, gpu_of, used_mib
from bench.device.models import DENSE
from bench.device.stand import Stand, loads, metric
from bench.device.steps import Say, check
from testkit.waiting import until
from worker.gpu import Gpu, Usage

ROWS = 8
FEATURES = {"value": 1.0}
LOOK_S = 0.1
ROWS_DONE = "worker_batch_rows_sum"
LEAST_MIB = 100
"""A CUDA context alone takes more."""


def watched(stand: Stand, say: Say) -> None:
    """The device's memory grows with the model, and the device is busy under load.

    Without a device it is the host that is loaded, and nothing is read.
    """
    gpu = gpu_of(stand.machine)
    if gpu is None:
        say("memory and utilisation", "not read", "NVML tells them of a GPU alone")
        return
    stand.end_workers()
    before_mib = _settled_mib(gpu)
    stand.only(DENSE, ROWS)
    loaded_mib = gpu.usage().memory_bytes // MIB
    seen: list[Usage] = []
    with _looking(gpu, seen):
        load(stand, DENSE, FEATURES, ROWS, stand.plan.seconds)
    busy = max(usage.busy_percent for usage in seen)
    say("device memory with the model, MiB", loaded_mib, f"before: {before_mib}")
    say("utilisation under load, %", busy, f"the most of {len(seen)} looks")
    check(
        loaded_mib - before_mib > LEAST_MIB,
        f"the device's memory grew by {loaded_mib - before_mib} MiB only",
    )
    check(busy > 0, "NVML saw an idle device under load")


def shared(stand: Stand, say: Say) -> None:
    """Two workers hold the same model on the same device, and both work."""
    workers = [stand.kept(DENSE, ROWS), stand.another(DENSE, ROWS)]
    devices = {str(loads(worker)[-1]["device"]) for worker in workers}
    check(devices == {stand.machine.device}, f"the models are on {sorted(devices)}")
    say("both workers say their model is on", devices.pop())
    before = [metric(worker, ROWS_DONE) for worker in workers]
    rate = load(stand, DENSE, FEATURES, 2 * ROWS, stand.plan.seconds)
    done = [metric(worker, ROWS_DONE) - rows for worker, rows in zip(workers, before, strict=True)]
    say("rows/s of both together", f"{rate:.0f}", f"callers for {4 * ROWS} rows at a time")
    say("rows of the one and the other", " and ".join(f"{rows:.0f}" for rows in done))
    check(all(done), "one of the workers did nothing")
    if stand.machine.has_gpu:
        say("device memory with both, MiB", used_mib(stand.machine))


def _settled_mib(gpu: Gpu) -> int:
    """The memory in use once it stands still: an ended process's goes a moment later."""
    seen = [-1]

    def still() -> bool:
        seen.append(gpu.usage().memory_bytes // MIB)
        return seen[-1] == seen[-2]

    until(still, "the device's memory to stand still", 20, step_s=0.5)
    return seen[-1]


@contextmanager
def _looking(gpu: Gpu, seen: list[Usage]) -> Iterator[None]:
    """Reads the usage again and again, on a thread, for as long as the block lasts."""
    over = threading.Event()

    def look() -> None:
        while not over.wait(LOOK_S):
            seen.append(gpu.usage())

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
