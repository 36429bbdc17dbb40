"""What a dashboard is made of; `grafana.py` makes JSON of it."""

from dataclasses import dataclass
from enum import Enum

from scripts.dashboards.promql import quantile


class Kind(Enum):
    """How Grafana draws a panel."""

    GRAPH = "timeseries"
    NUMBER = "stat"
    TABLE = "table"


@dataclass(frozen=True)
class Query:
    """An expression, and the name of each of its series."""

    expr: str
    legend: str
    exemplars: bool = False
    """Whether points link to traces; a histogram of durations has some."""


@dataclass(frozen=True)
class Panel:
    """One question to the metrics."""

    title: str
    unit: str
    shows: str
    bad: str
    """What to do when it looks bad."""

    queries: tuple[Query, ...]
    kind: Kind = Kind.GRAPH
    stacked: bool = False
    top: float | None = None
    """The axis' end, such as 1 for a share."""

    red_above: float | None = None
    red_below: float | None = None

    @property
    def description(self) -> str:
        return f"{self.shows}\n\n**If it looks bad:** {self.bad}"


@dataclass(frozen=True)
class Row:
    """Panels under one heading."""

    title: str
    panels: tuple[Panel, ...]


@dataclass(frozen=True)
class Dashboard:
    """A page of Grafana's; `name` is its file's and the end of its address."""

    name: str
    title: str
    description: str
    rows: tuple[Row, ...]

    @property
    def panels(self) -> tuple[Panel, ...]:
        return tuple(panel for row in self.rows for panel in row.panels)


def quantiles_of_pools(metric: str, *shares: float) -> tuple[Query, ...]:
    """Returns the quantiles of a histogram, by pool."""
    return tuple(
        Query(quantile(share, metric, "model"), f"{{{{model}}}} p{share * 100:g}")
        for share in shares
    )
