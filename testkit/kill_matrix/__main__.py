"""`python -m testkit.kill_matrix [--cases N | --all] [--broker rabbitmq] [--records 500] [--seed S]
[--side-by-side] [--write]`.

Prints a line a case, then the tables, and ends with 1 if anything was lost, changed, dead-lettered
or left over, or a gap was never hit.
"""

import argparse
import re
import secrets
import sys
import tempfile
import time
from pathlib import Path
from random import Random

from testkit.kill_matrix.cases import all_cases, draw
from testkit.kill_matrix.matrix import Plan, run
from testkit.kill_matrix.report import document
from testkit.servers import registry_of_the_fault_model
from testkit.stack import ROOT

PAGES = {
    "redis": ROOT / "docs" / "kill-matrix.md",
    "rabbitmq": ROOT / "docs" / "kill-matrix-rabbitmq.md",
}


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m testkit.kill_matrix", description=__doc__)
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--cases", type=int, default=16, help="how many cases to draw at most")
    which.add_argument("--all", action="store_true", help="all cases")
    parser.add_argument(
        "--only", default="", help="only cases whose name matches this regular expression"
    )
    parser.add_argument(
        "--records", type=int, default=500, help="records that each case gets accepted"
    )
    parser.add_argument("--seed", default="", help="repeats a run's choices")
    parser.add_argument(
        "--minutes", type=float, default=float("inf"), help="begin no case after so many"
    )
    parser.add_argument(
        "--side-by-side", action="store_true", help="B = 1 and B = 8 at once, on a stand each"
    )
    parser.add_argument("--logs", type=Path, help="a new folder to keep what the processes said")
    parser.add_argument("--broker", choices=PAGES, default="redis", help="what carries the tickets")
    parser.add_argument(
        "--write", action="store_true", help="write the page of that broker, docs/kill-matrix*.md"
    )
    return parser.parse_args()


def main() -> int:
    """Returns the exit code."""
    asked = options()
    seed = asked.seed or secrets.token_hex(4)
    cases = draw(len(all_cases()), Random(seed))
    cases = [case for case in cases if re.search(asked.only, str(case))]
    if not asked.all:
        cases = cases[: asked.cases]
    print(f"seed {seed}: {len(cases)} cases", file=sys.stderr, flush=True)
    plan = Plan(
        cases,
        asked.records,
        seed,
        asked.side_by_side,
        asked.broker,
        time.monotonic() + asked.minutes * 60,
    )
    with tempfile.TemporaryDirectory(prefix="kill-matrix-") as temporary:
        folder = asked.logs or Path(temporary)
        with registry_of_the_fault_model(folder / "mlflow") as mlflow_url:
            result = run(plan, folder, mlflow_url)
    page = document(
        result.verdicts,
        result.failures,
        seed,
        " ".join(["python -m testkit.kill_matrix", *sys.argv[1:]]),
        asked.broker,
    )
    print(page)
    if asked.write:
        PAGES[asked.broker].write_text(page)
    return 0 if result.good else 1


if __name__ == "__main__":
    sys.exit(main())
