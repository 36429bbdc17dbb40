"""`python -m testkit.soak [--minutes 10] [--seed S] [--leak] [--write]`.

Prints the page, and ends with 1 for anything that was lost or did not come back. Takes some four
minutes longer than it is told, for a warm-up and twice the time until all has expired.
"""

import argparse
import secrets
import sys
import tempfile
from pathlib import Path

from testkit.servers import registry_of_the_fault_model
from testkit.soak.report import document
from testkit.soak.soak import Plan, run
from testkit.stack import ROOT

PAGE = ROOT / "docs" / "soak.md"
WARM_UP_S = 30.0


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m testkit.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0, help="how long to load and strike")
    parser.add_argument("--seed", default="", help="repeats a run's choices")
    parser.add_argument(
        "--leak", action="store_true", help="plant a leak in the first gateway, to see it found"
    )
    parser.add_argument("--logs", type=Path, help="a new folder to keep what the processes said")
    parser.add_argument("--write", action="store_true", help="write docs/soak.md")
    return parser.parse_args()


def main() -> int:
    """Returns the exit code."""
    asked = options()
    plan = Plan(asked.minutes * 60, WARM_UP_S, asked.seed or secrets.token_hex(4), asked.leak)
    print(f"seed {plan.seed}", file=sys.stderr, flush=True)
    with tempfile.TemporaryDirectory(prefix="soak-") as temporary:
        folder = asked.logs or Path(temporary)
        with registry_of_the_fault_model(folder / "mlflow") as mlflow_url:
            result = run(plan, folder / "stand", mlflow_url)
    page = document(result, " ".join(["python -m testkit.soak", *sys.argv[1:]]))
    print(page)
    if asked.write:
        PAGE.write_text(page)
    return 1 if result.bad else 0


if __name__ == "__main__":
    sys.exit(main())
