"""`python -m bench.device [--only REGEX] [--budget-s 400] [--patience 1] [--out FOLDER] [--write]`.

Takes the worker through what needs a device: docs/device.md says what. Prints the page, and ends
with 1 if a step failed or was not run. Each step has a limit of its own, all have the budget; one
that fails is reported, and the next runs.
"""

import argparse
import re
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from bench.device.batches import of_arithmetic, of_images
from bench.device.machine import look
from bench.device.report import as_json, page
from bench.device.running import Clock, Step
from bench.device.stand import Stand, stand
from bench.device.steps import broken, placed, replaced, too_large
from testkit.stack import ROOT

PAGE = ROOT / "docs" / "device.md"
STEPS: Sequence[Step[Stand]] = (
    Step("placed", 100, placed),
    Step("replaced", 90, replaced),
    Step("too large", 100, too_large),
    Step("broken", 150, broken),
    Step("batches of images", 200, of_images),
    Step("batches of arithmetic", 150, of_arithmetic),
)
START_LIMIT_S = 150.0
MOST_LOG = 400_000
"""Characters of a process's log that are kept."""


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.device", description=__doc__)
    parser.add_argument(
        "--only", default="", help="the steps whose name matches this regular expression"
    )
    parser.add_argument(
        "--budget-s", type=float, default=400.0, help="how long all of it may take, in seconds"
    )
    parser.add_argument(
        "--patience",
        type=float,
        default=1.0,
        help="what a step's limit is multiplied by, on a slow machine",
    )
    parser.add_argument(
        "--out",
        type=Path,
        help="a folder for the page, the figures as JSON, and what the processes said",
    )
    parser.add_argument("--write", action="store_true", help="write docs/device.md")
    return parser.parse_args()


def main() -> int:
    """Returns the exit code."""
    asked = options()
    clock = Clock(time.monotonic() + asked.budget_s, asked.patience)
    machine = look()
    with tempfile.TemporaryDirectory(prefix="device-") as temporary, ExitStack() as opened:
        folder, at = Path(temporary), list[Stand]()
        start = Step[list[Stand]](
            "start",
            START_LIMIT_S,
            lambda at, _: at.append(opened.enter_context(stand(folder, machine))),
        )
        steps = [step for step in STEPS if re.search(asked.only, step.name)]
        results = [clock.run(start, at)]
        results += (
            [clock.run(step, at[0]) for step in steps]
            if at
            else [clock.skipped(step) for step in steps]
        )
        text = page(machine, results, " ".join(["python -m bench.device", *sys.argv[1:]]))
        if asked.out:
            asked.out.mkdir(parents=True, exist_ok=True)
            (asked.out / "device.md").write_text(text)
            (asked.out / "device.json").write_text(as_json(machine, results))
            (asked.out / "logs.txt").write_text(_logs(folder))
    print(text)
    if asked.write:
        PAGE.write_text(text)
    return 1 if any(result.problem for result in results) else 0


def _logs(folder: Path) -> str:
    logs = sorted(folder.rglob("*.log"))
    return "".join(
        f"===== {log.relative_to(folder)}\n{log.read_text(errors='replace')[-MOST_LOG:]}\n"
        for log in logs
    )


if __name__ == "__main__":
    sys.exit(main())
