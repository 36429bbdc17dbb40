"""`python -m testkit.conformance [--models a,b] [--heavy] [--venv FOLDER] [--http] [--write]`.

Prints a line a model, then the table, and ends with 1 if any answer differs or a model is not
served.
"""

import argparse
import sys
import tempfile
from pathlib import Path

from testkit.conformance.models import CASES
from testkit.conformance.processes import compared, heavy_python
from testkit.conformance.table import document, verdict_of
from testkit.stack import ROOT

PAGE = ROOT / "docs" / "models-conformance.md"
VENV = Path.home() / ".cache" / "inference-conformance"


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m testkit.conformance", description=__doc__)
    parser.add_argument("--models", default="", help="only these, separated by commas")
    parser.add_argument(
        "--heavy", action="store_true", help="those too whose packages are installed for it"
    )
    parser.add_argument("--venv", type=Path, default=VENV, help="where those are installed")
    parser.add_argument(
        "--http", action="store_true", help="send some models' inputs through real processes too"
    )
    parser.add_argument("--folder", type=Path, help="a new folder to keep the registry and logs")
    parser.add_argument("--write", action="store_true", help=f"write {PAGE.relative_to(ROOT)}")
    return parser.parse_args()


def main() -> int:
    """Returns the exit code."""
    asked = options()
    wanted = {name for name in asked.models.split(",") if name}
    if unknown := wanted - {case.name for case in CASES}:
        print(f"no such model: {', '.join(sorted(unknown))}", file=sys.stderr)
        return 2
    cases = [case for case in CASES if case.name in wanted or not wanted]
    cases = [case for case in cases if asked.heavy or not case.needs]
    python = heavy_python(asked.venv) if any(case.needs for case in cases) else sys.executable
    with tempfile.TemporaryDirectory(prefix="conformance-") as temporary:
        folder = asked.folder or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        outcomes = []
        for outcome in compared(cases, folder, python):
            print(f"{outcome.name}: {verdict_of(outcome)}", file=sys.stderr, flush=True)
            outcomes.append(outcome)
        http = []
        if asked.http:
            from testkit.conformance.http_check import checked

            http = checked(outcomes, folder)
    page = document(outcomes, " ".join(["python -m testkit.conformance", *sys.argv[1:]]), http)
    print(page)
    if asked.write:
        PAGE.write_text(page, encoding="utf-8")
    bad = [line for line in http if not line.endswith("the same")]
    return 0 if all(outcome.good for outcome in outcomes) and not bad else 1


if __name__ == "__main__":
    sys.exit(main())
