"""`python -m bench.device [--only REGEX] [--budget-s 400] [--patience 1] [--out FOLDER] [--write]`.

Takes the worker through what needs a device: docs/device.md says what. Prints the page, and ends
with 1 if a step failed or was not run. Each step has a limit of its own, all have the budget; one
that fails is reported, and the next runs.
"""

import argparse
import re
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from bench.device.batches import of_arithmetic, of_images
from bench.device.machine import look
from bench.device.report import page
from bench.device.running import Clock, Step
from bench.device.session import results_of
from bench.device.stand import Plan, Stand
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
    steps = [step for step in STEPS if re.search(asked.only, step.name)]
    results = results_of(steps, clock, machine, Plan(), asked.out)
    text = page(machine, results, " ".join(["python -m bench.device", *sys.argv[1:]]))
    if asked.out:
        (asked.out / "device.md").write_text(text)
    print(text)
    if asked.write:
        PAGE.write_text(text)
    return 1 if any(result.problem for result in results) else 0


if __name__ == "__main__":
    sys.exit(main())
