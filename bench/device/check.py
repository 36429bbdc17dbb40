"""`scripts/gpu-check`: what a GPU must show, as a table of checks.

`python -m bench.device.check [--quick] [--only REGEX] [--budget-s 520] [--patience 1]
[--wheels FOLDER] [--out FOLDER]`

Each check runs real workers, a real gateway and a real Valkey, within a limit of its own. Models
are registered in a folder, by mlflow-skinny, which is all that the packed wheels have of MLflow.
Ends with 1 if a check failed. Without a GPU the checks that need one simulate the fault, or run on
the host, and say that they need a device.
"""

import argparse
import os
import re
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.batching import MODEL as IMAGES
from bench.device.batches import of_arithmetic, of_images
from bench.device.machine import Machine, look
from bench.device.models import ALLOCATING, DENSE, LOOKUP
from bench.device.pack import MOST_MB, megabytes_of
from bench.device.report import Result, cell
from bench.device.running import Clock, Step
from bench.device.session import results_of
from bench.device.sharing import shared, watched
from bench.device.stand import FAULT, Plan, Stand
from bench.device.steps import Say, broken, placed, too_large, torch_model

PASSED, FAILED, NEEDS_A_DEVICE = "passed", "failed", "needs a device"


@dataclass(frozen=True)
class Check:
    """A step, and the rows of its report that the table shows.

    `needs` is whether it takes a GPU to show it. `slow` checks are left out of a quick run.
    """

    name: str
    limit_s: float
    run: Callable[[Stand, Say], object]
    shows: str
    needs: bool = False
    slow: bool = False


CHECKS: Sequence[Check] = (
    Check("image classifier", 100, placed, "start of|says|device memory", slow=True),
    Check("torch model", 60, torch_model, "says"),
    Check("memory and utilisation", 60, watched, "", needs=True),
    Check("two workers on one card", 90, shared, "", needs=True),
    Check("batches of arithmetic", 150, of_arithmetic, "÷|the service"),
    Check("an allocation that does not fit is halved", 70, too_large, "", needs=True),
    Check("a device-side assert costs the guilty one", 130, broken, "context|says", needs=True),
    Check("batches of images", 160, of_images, "÷|the service", slow=True),
)


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/gpu-check", description=__doc__)
    parser.add_argument("--only", default="", help="the checks whose name matches this expression")
    parser.add_argument(
        "--budget-s", type=float, default=520.0, help="how long all of it may take, in seconds"
    )
    parser.add_argument(
        "--patience", type=float, default=1.0, help="what each limit is multiplied by"
    )
    parser.add_argument(
        "--quick", action="store_true", help="without images, with one round of one batch size"
    )
    parser.add_argument("--wheels", type=Path, help="the folder that --pack filled")
    parser.add_argument("--out", type=Path, help="a folder for figures as JSON and for the logs")
    return parser.parse_args()


def main() -> int:
    """Returns the exit code."""
    asked = options()
    os.environ["MLFLOW_ALLOW_FILE_STORE"] = "true"  # of all that is started here
    clock = Clock(time.monotonic() + asked.budget_s, asked.patience)
    machine = look()
    wanted = [check for check in CHECKS if re.search(asked.only, check.name)]
    runs = [check for check in wanted if not left_out(check, machine, quick=asked.quick)]
    steps = [Step[Stand](check.name, check.limit_s, check.run) for check in runs]
    plan = plan_of(machine, quick=asked.quick)
    start, *results = results_of(steps, clock, machine, plan, asked.out)
    packed = [pack_result(asked.wheels)] if asked.wheels else []
    said = table(machine, wanted, [*packed, start], results)
    print(said)
    if asked.out:
        (asked.out / "gpu-check.md").write_text(said)
    return 1 if any(result.problem for result in [*packed, start, *results]) else 0


def plan_of(machine: Machine, *, quick: bool) -> Plan:
    """What the checks of a run need."""
    faulty = (ALLOCATING, LOOKUP) if machine.has_gpu else (FAULT,)
    if not quick:
        return Plan((IMAGES, DENSE, *faulty), server=False, sizes=2)
    models = (DENSE, *faulty) if machine.has_gpu else (DENSE,)
    return Plan(models, server=False, seconds=1.0, rounds=1, sizes=1, again=False)


def left_out(check: Check, machine: Machine, *, quick: bool) -> bool:
    """Whether a run leaves a check out: a quick one does not simulate a device's faults."""
    return quick and (check.slow or (check.needs and not machine.has_gpu))


def pack_result(wheels: Path) -> Result:
    """Judges the size of what was brought."""
    size = megabytes_of(wheels)
    problem = "" if size <= MOST_MB else f"{size:.1f} MB, more than {MOST_MB}"
    return Result("what was brought", problem, rows=[("MB of wheels", f"{size:.1f}", "")])


def table(
    machine: Machine, wanted: Sequence[Check], before: Sequence[Result], results: Sequence[Result]
) -> str:
    """The checks as a Markdown table; those that were left out are in it."""
    of = {result.name: result for result in results}
    lines = [
        _line(result.name, _verdict(result, needs=False), _figures(result)) for result in before
    ]
    for check in wanted:
        result = of.get(check.name)
        needs = check.needs and not machine.has_gpu
        if result is None:
            verdict, figure = NEEDS_A_DEVICE if needs else "left out", "not in a quick run"
        else:
            verdict, figure = _verdict(result, needs=needs), _figures(result, check.shows)
        lines.append(_line(check.name, verdict, figure))
    where = (
        f"{machine.name}, {machine.device}, torch {machine.torch}, driver {machine.driver or '-'}"
    )
    return "\n".join([where, "", "| check | verdict | figure |", "|---|---|---|", *lines, ""])


def _verdict(result: Result, *, needs: bool) -> str:
    if result.problem:
        return FAILED
    return NEEDS_A_DEVICE if needs else PASSED


def _figures(result: Result, shows: str = "") -> str:
    rows = [f"{what}: {figure}" for what, figure, _ in result.rows if re.search(shows, what)]
    return "; ".join([*filter(None, [result.problem]), *rows, f"{result.seconds:.0f} s"])


def _line(*cells: str) -> str:
    return f"| {' | '.join(map(cell, cells))} |"


if __name__ == "__main__":
    sys.exit(main())
