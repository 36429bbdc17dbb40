"""Measures how much of the device's speed the service keeps, at several batch sizes.

That is its rows a second over those of a bare loop.

The loop runs before and after, since a worker of each batch size has to start between; the mean
counts, and how far the two are apart is said.
"""

import json
import subprocess
import sys
from collections.abc import Mapping
from statistics import mean, median
from typing import Any

from bench.batching import IMAGE, LIKE_THE_IMAGE, child
from bench.batching import MODEL as IMAGES
from bench.batching import Stand as Measured
from bench.device.models import DENSE
from bench.device.stand import Stand
from bench.device.steps import Say, check
from testkit.stack import ROOT


def of_images(stand: Stand, say: Say) -> None:
    """The image classifier: small for a GPU, so that the host's part shows (JSON, JPEG)."""
    _measure(
        stand, say, IMAGES, {"image": IMAGE}, (16, 64, 256) if stand.machine.has_gpu else (8, 16)
    )


def of_arithmetic(stand: Stand, say: Say) -> None:
    """A model that keeps the device busy for 100 ms a batch, as docs/models.md advises."""
    _measure(stand, say, DENSE, {"value": 1.0}, (8, 32) if stand.machine.has_gpu else (8,))


def _measure(
    stand: Stand, say: Say, model: str, features: Mapping[str, Any], sizes: tuple[int, ...]
) -> None:
    plan = stand.plan
    sizes = sizes[: plan.sizes]
    before = _bare(stand, model, features, sizes)
    rates: dict[int, list[float]] = {}
    for size in sizes:
        worker = stand.kept(model, size)
        at = Measured(stand.stack.gateways[0].url, worker.url, stand.registry)
        load(stand, model, features, size, 1.0)
        spent = at.spent()
        rates[size] = [load(stand, model, features, size, plan.seconds) for _ in range(plan.rounds)]
        spent = {name: value - spent[name] for name, value in at.spent().items()}
        each = {name: 1000 * spent[name] / spent["batches"] for name in ("prepare", "run")}
        took = f"ms a batch: {each['prepare']:.1f} prepared, {each['run']:.1f} run"
        say(
            f"rows/s, the service, B = {size}",
            f"{median(rates[size]):.0f}",
            f"{spent['images'] / spent['batches']:.1f} rows; {took}",
        )
    after = _bare(stand, model, features, sizes) if plan.again else before
    for size in sizes:
        loop = mean((before[size], after[size]))
        apart = f"{before[size]:.0f} rows/s before, {after[size]:.0f} after" if plan.again else ""
        say(f"rows/s, a bare loop, B = {size}", f"{loop:.0f}", apart)
        say(f"service ÷ bare loop, B = {size}", f"{median(rates[size]) / loop:.2f}")


def _bare(
    stand: Stand, model: str, features: Mapping[str, Any], sizes: tuple[int, ...]
) -> dict[int, float]:
    options = ["--model", model, "--features", json.dumps(features)]
    seen = child(
        "-m",
        "bench.bare_loop",
        stand.registry,
        str(stand.plan.seconds),
        *map(str, sizes),
        *options,
        env=LIKE_THE_IMAGE | {"MLFLOW_ALLOW_FILE_STORE": "true"},
    )
    return {int(size): float(rate) for size, rate in seen.items()}


def load(stand: Stand, model: str, features: Mapping[str, Any], size: int, seconds: float) -> float:
    """Returns the rows a second with callers for two batches.

    The callers are shared out among the gateways; each gateway has a load generator of its own.
    """
    gateways = stand.stack.gateways
    callers = str(max(1, 2 * size // len(gateways)))
    body = json.dumps({"features": features, "model": model})
    command = [sys.executable, "-m", "bench.load"]
    running = [
        subprocess.Popen(
            [*command, f"{gateway.url}/predict/", str(seconds), callers, body],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
        )
        for gateway in gateways
    ]
    try:
        seen = [json.loads(program.communicate()[0]) for program in running]
    finally:
        for program in running:
            program.kill()
            program.wait()
    codes = {code for one in seen for code in one["codes"]}
    check(codes == {"200"}, f"the service answered {codes}: this is no measurement")
    return float(sum(one["per_s"] for one in seen))
