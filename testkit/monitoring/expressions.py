"""The expressions of the dashboards, as Grafana sends them for one choice of its variables."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from testkit.monitoring.scene import CANARY, MODEL, NAMESPACE
from testkit.stack import ROOT

DASHBOARDS = ROOT / "charts" / "inference" / "files" / "dashboards"
RATE_S = 10
"""Grafana's `$__rate_interval` is four scrapes at least."""


@dataclass(frozen=True)
class Expression:
    """One query of a panel."""

    page: str
    panel: str
    legend: str
    expr: str


def pages() -> dict[str, Any]:
    """The dashboards by name."""
    return {path.stem: json.loads(path.read_text()) for path in sorted(DASHBOARDS.glob("*.json"))}


def filled(expr: str, range_s: float, rate_s: float = RATE_S) -> str:
    """An expression with Grafana's variables replaced."""
    values = {
        "$namespace": NAMESPACE,
        "$model": f"{MODEL}|{CANARY}",
        "$__rate_interval": f"{rate_s:g}s",
        "$__range": f"{int(range_s)}s",
    }
    for name, value in values.items():
        expr = expr.replace(name, value)
    assert "$" not in expr, expr
    return expr


def of_panels(range_s: float) -> Iterator[Expression]:
    """All queries of all panels."""
    for name, page in pages().items():
        for panel in page["panels"]:
            for target in panel.get("targets", ()):
                expr = filled(target["expr"], range_s)
                yield Expression(name, panel["title"], target["legendFormat"], expr)


def selectors(expr: str) -> set[str]:
    """The series that an expression reads, without their windows."""
    return set(re.findall(r"\b[a-zA-Z_][\w:]*\{[^{}]*\}", expr))
