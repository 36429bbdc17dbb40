"""`python -m scripts.charts`: writes all that is made of the chart.

With `--check`, says what drifted and writes nothing.
"""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from scripts.charts import manifests, schema
from scripts.charts.tools import CHART, ROOT, output


def _readme() -> str:
    return output(
        "helm-docs",
        "--chart-search-root",
        str(CHART),
        "--sort-values-order",
        "file",
        "--log-level",
        "warning",
        "--dry-run",
    )


MADE: dict[Path, Callable[[], str]] = {
    CHART / "values.schema.json": lambda: schema.make(
        (CHART / "values.yaml").read_text(encoding="utf-8")
    ),
    CHART / "README.md": _readme,
    ROOT / "k8s" / "tryout.yaml": lambda: manifests.rendered("tryout"),
    ROOT / "k8s" / "production.yaml": lambda: manifests.rendered("production"),
    ROOT / "keda" / "scaledobject.yaml": lambda: manifests.rendered(
        "production", "templates/workers/scaledobject.yaml"
    ),
}
"""What is made, and how; the schema first, for Helm renders nothing that it refuses."""


def drifted() -> Iterator[str]:
    """The files that do not say what the chart does."""
    for path, make in MADE.items():
        if not path.exists() or path.read_text(encoding="utf-8") != make():
            yield str(path.relative_to(ROOT))


def main() -> int:
    """Returns the exit status."""
    if "--check" in sys.argv[1:]:
        found = list(drifted())
        print(
            "\n".join(f"{name} drifted from the chart: run scripts/chart" for name in found)
            or "nothing drifted"
        )
        return int(bool(found))
    for path, make in MADE.items():
        path.parent.mkdir(exist_ok=True)
        path.write_text(make(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
