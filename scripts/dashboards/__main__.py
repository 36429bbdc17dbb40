"""`python -m scripts.dashboards`: writes the dashboards' JSON into the chart.

With `--check`, says which are out of date and writes nothing.
"""

import sys
from collections.abc import Iterator
from pathlib import Path

from scripts.charts.tools import CHART
from scripts.dashboards import failures, is_it_fine, queue_and_scaling, workers_and_models
from scripts.dashboards.grafana import written

FOLDER = CHART / "files" / "dashboards"
DASHBOARDS = (
    is_it_fine.DASHBOARD,
    queue_and_scaling.DASHBOARD,
    workers_and_models.DASHBOARD,
    failures.DASHBOARD,
)


def files() -> dict[Path, str]:
    """Returns the text of each file."""
    return {FOLDER / f"{page.name}.json": written(page) for page in DASHBOARDS}


def out_of_date() -> Iterator[str]:
    """The files that say something else than the code, or that no dashboard has any more."""
    made = files()
    for path in sorted({*made, *FOLDER.glob("*.json")}):
        if not path.exists() or path.read_text(encoding="utf-8") != made.get(path):
            yield path.name


def main() -> int:
    """Returns the exit status."""
    if "--check" in sys.argv[1:]:
        found = list(out_of_date())
        said = [f"{name} is out of date: run python -m scripts.dashboards" for name in found]
        print("\n".join(said) or "nothing is out of date")
        return int(bool(found))
    FOLDER.mkdir(parents=True, exist_ok=True)
    made = files()
    for path in set(FOLDER.glob("*.json")) - set(made):
        path.unlink()
    for path, text in made.items():
        path.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
