"""Writes the tables of docs/metrics.md from the code: `python -m scripts.metrics_table`.

A test fails when they drifted.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from prometheus_client import REGISTRY

import worker.metrics  # noqa: F401 (it registers the worker's metrics)
from app.metrics import Metrics

PAGE = Path(__file__).resolve().parents[1] / "docs" / "metrics.md"


def tables() -> dict[str, str]:
    """Returns each program's table as Markdown."""
    return {
        "gateway": _table(Metrics(()).registry._collector_to_names),
        "worker": _table(REGISTRY._collector_to_names),
    }


def _table(collectors: Iterable[Any]) -> str:
    rows = [
        f"| `{_name(metric)}` | {metric._type} | {_labels(metric)} | {metric._documentation} |"
        for metric in collectors
        if hasattr(metric, "_labelnames")
    ]
    return "\n".join(("| Metric | Type | Labels | What it is |", "|---|---|---|---|", *rows))


def _name(metric: Any) -> str:
    return f"{metric._name}_total" if metric._type == "counter" else str(metric._name)


def _labels(metric: Any) -> str:
    return ", ".join(f"`{label}`" for label in metric._labelnames)


def written(text: str) -> str:
    """Returns a page with today's tables."""
    for name, table in tables().items():
        begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
        before, _, rest = text.partition(begin)
        text = f"{before}{begin}\n{table}\n{end}{rest.partition(end)[2]}"
    return text


if __name__ == "__main__":
    PAGE.write_text(written(PAGE.read_text()))
