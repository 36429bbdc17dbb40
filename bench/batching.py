"""How much of a model's speed the service keeps.

`python -m bench.batching [--seconds 10] [--rounds 3] [--write]`

The image classifier on the CPU behind the whole service (a Valkey that syncs, a gateway, a worker;
callers who wait) against a plain loop that opens and runs the same photograph with the batch size
that is best for it (bench/bare_loop.py). They take turns, round after round, and the median ratio
counts. torch has one thread in both: the other core is for all that a GPU's host does. Then
requests come at half of that rate, one by one, and their latency is what counts. `--write` writes
bench/BATCHING.md.
"""

import argparse
import asyncio
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from base64 import b64encode
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import median, quantiles
from typing import Any

import httpx2
import psutil

from testkit.servers import MlflowServer, Valkey
from testkit.stack import ROOT, Stack

MODEL = "image-classifier"
LIKE_THE_IMAGE = {
    "OMP_NUM_THREADS": "1",
    "MALLOC_MMAP_THRESHOLD_": str(2**30),
    "MALLOC_TRIM_THRESHOLD_": str(2**31),
}
"""The allocator as worker/Dockerfile sets it, for both."""
BATCH = 16
CALLERS = 2 * BATCH
IMAGE = b64encode((ROOT / "examples" / "image_classifier" / "cat.jpg").read_bytes()).decode()
BODY = json.dumps({"features": {"image": IMAGE}})


@dataclass
class Stand:
    """The service with one worker, and the registry that both load from."""

    url: str
    worker: str
    registry: str

    def spent(self) -> dict[str, float]:
        """What the worker spent so far, in seconds, and how many images and batches it ran."""
        lines = httpx2.get(f"{self.worker}/metrics", verify=False).text.splitlines()
        value = {
            line.partition("{")[0]: float(line.rpartition(" ")[2])
            for line in lines
            if "_sum{" in line or "_count{" in line
        }
        names = {
            "prepare": "worker_prepare_seconds_sum",
            "run": "worker_run_seconds_sum",
            "images": "worker_batch_rows_sum",
        }
        return {name: value[metric] for name, metric in names.items()} | {
            "batches": value["worker_batch_rows_count"]
        }


@contextmanager
def stand(folder: Path) -> Iterator[Stand]:
    """Starts everything."""
    with ExitStack() as stack:
        registry, valkey = MlflowServer(folder / "mlflow"), Valkey(folder / "valkey")
        registry.start()
        stack.callback(registry.stop)
        command = [
            sys.executable,
            "-W",
            "ignore",
            "-m",
            "examples.image_classifier.register",
            "--tracking-uri",
            registry.url,
        ]
        subprocess.run(command, check=True, cwd=ROOT, capture_output=True)
        valkey.start()
        stack.callback(valkey.kill)
        service = Stack(
            folder,
            valkey,
            registry.url,
            MODEL,
            LIKE_THE_IMAGE | {"MAX_BATCH_SIZE": str(BATCH)},
            preloaded=False,
        )
        stack.callback(service.stop)
        gateway = service.add_gateway()
        worker = service.add_worker()
        yield Stand(gateway.url, worker.url, registry.url)


def child(*command: str, env: dict[str, str] | None = None) -> dict[str, Any]:
    """What a measuring process of its own says."""
    done = subprocess.run(
        [sys.executable, *command],
        cwd=ROOT,
        check=True,
        capture_output=True,
        env=os.environ | (env or {}),
    )
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return answer


def loaded(at: Stand, seconds: float) -> float:
    """Images a second with callers enough for two batches."""
    seen = child("-m", "bench.load", f"{at.url}/predict/", str(seconds), str(CALLERS), BODY)
    if set(seen["codes"]) != {"200"}:
        raise SystemExit(f"the service answered {seen['codes']}: this is no measurement")
    return float(seen["per_s"])


def bare(at: Stand, seconds: float, *sizes: int) -> dict[int, float]:
    """Images a second of the plain loop by batch size."""
    seen = child(
        "-m", "bench.bare_loop", at.registry, str(seconds), *map(str, sizes), env=LIKE_THE_IMAGE
    )
    return {int(size): float(rate) for size, rate in seen.items()}


async def latencies_ms(url: str, rate: float, seconds: float) -> list[float]:
    """Sends at a steady rate, whether answers come or not.

    So do many callers that know nothing of each other.
    """
    seen: list[float] = []

    async def call(client: httpx2.AsyncClient) -> None:
        began = time.perf_counter()
        answer = await client.post(
            f"{url}/predict/", content=BODY, headers={"content-type": "application/json"}
        )
        answer.raise_for_status()
        seen.append((time.perf_counter() - began) * 1000)

    limits = httpx2.Limits(max_connections=None)
    async with (
        httpx2.AsyncClient(timeout=60, limits=limits, verify=False) as client,
        asyncio.TaskGroup() as group,
    ):
        due = time.perf_counter()
        end = due + seconds
        while due < end:
            group.create_task(call(client))
            due += 1 / rate
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
    return sorted(seen)


def in_turns(at: Stand, seconds: float, rounds: int, best: int) -> tuple[list[float], list[float]]:
    """Images a second of the service and of the plain loop, round after round."""
    ours, theirs = [], []
    for _ in range(rounds):
        ours.append(loaded(at, seconds))
        theirs.append(bare(at, seconds, best)[best])
    return ours, theirs


def measured(at: Stand, seconds: float, rounds: int) -> list[tuple[str, str, str]]:
    """The rows of the table."""
    loaded(at, min(seconds, 2))
    search = bare(at, seconds / 3)
    best = max(search, key=lambda size: search[size])
    before = at.spent()
    ours, theirs = in_turns(at, seconds, rounds, best)
    spent = {name: value - before[name] for name, value in at.spent().items()}
    ratios = [mine / other for mine, other in zip(ours, theirs, strict=True)]
    half = median(ours) / 2
    waits = asyncio.run(latencies_ms(at.url, half, max(seconds, 2)))
    alone = asyncio.run(latencies_ms(at.url, min(1.0, half), max(seconds, 3)))
    each = {name: 1000 * spent[name] / spent["images"] for name in ("prepare", "run")}
    searched = ", ".join(f"{size}: {rate:.0f}" for size, rate in search.items())
    cut = quantiles(waits, n=20)
    return [
        (
            "images/s, the service",
            f"{median(ours):.1f}",
            f"{CALLERS} callers who wait, B = {BATCH}, 1 gateway, 1 worker",
        ),
        (
            "images/s, a bare loop",
            f"{median(theirs):.1f}",
            f"its best batch is {best} (search: {searched})",
        ),
        (
            "service ÷ bare loop",
            f"{median(ratios):.2f} ({min(ratios):.2f}-{max(ratios):.2f})",
            "aim ≥ 0.9",
        ),
        (
            "ms an image, prepared + run",
            f"{each['prepare']:.1f} + {each['run']:.1f}",
            "in the worker, under that load",
        ),
        (
            "ms an image, the rest",
            f"{1000 / median(ours) - each['prepare'] - each['run']:.1f}",
            "claim, begin, settle, tickets",
        ),
        ("images in a batch", f"{spent['images'] / spent['batches']:.1f}", ""),
        (
            "p50 / p95 ms at half load",
            f"{median(waits):.0f} / {cut[-1]:.0f}",
            f"{half:.1f} requests/s, evenly",
        ),
        ("p50 ms alone", f"{median(alone):.0f}", "one request a second"),
    ]


def table(rows: list[tuple[str, str, str]]) -> str:
    """The page as Markdown."""
    cpu = f"{psutil.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}"
    head = (
        f"{datetime.now(UTC):%Y-%m-%d}, {cpu}; `python -m bench.batching` says how;"
        " medians of the rounds, their range in brackets."
    )
    lines = [f"| {what} | {figure} | {note} |" for what, figure, note in rows]
    return "\n".join(
        [
            "# The image classifier in batches",
            "",
            head,
            "",
            "| what | figure | beside it |",
            "|---|---|---|",
            *lines,
            "",
        ]
    )


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(prog="python -m bench.batching", description=__doc__)
    parser.add_argument("--seconds", type=float, default=10.0, help="length of one round")
    parser.add_argument("--rounds", type=int, default=3, help="rounds")
    parser.add_argument("--write", action="store_true", help="write bench/BATCHING.md")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-") as folder, stand(Path(folder)) as at:
        rows = measured(at, options.seconds, options.rounds)
    print(table(rows))
    if options.write:
        (ROOT / "bench" / "BATCHING.md").write_text(table(rows))


if __name__ == "__main__":
    main()
