"""Draws the dashboards from what a Prometheus saw, with matplotlib. It is not Grafana.

Each panel stands where Grafana has it, with its title, its unit and its series' names.
"""

import io
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter
from PIL import Image

from testkit.monitoring.expressions import filled
from testkit.monitoring.prometheus import Prometheus

WIDTH, COLUMN, ROW, DPI = 24, 0.6, 0.36, 72
MOST_NAMES = 8
COLOURS = 64
_STEPS = {
    "bytes": ((2**30, " GiB"), (2**20, " MiB"), (2**10, " KiB")),
    "s": ((60, " min"), (1, " s"), (1e-3, " ms"), (1e-6, " µs")),
}


@dataclass(frozen=True)
class Seen:
    """What a Prometheus saw between two moments, in seconds since 1970."""

    prometheus: Prometheus
    start: float
    end: float

    def lines(self, panel: dict[str, Any]) -> dict[str, list[tuple[float, float]]]:
        """The series of a panel by name: seconds since the start, and values."""
        found = {}
        for target in panel["targets"]:
            expr = filled(target["expr"], self.end - self.start)
            for series in self.prometheus.query_range(expr, self.start, self.end, 1):
                points = [(float(at) - self.start, float(value)) for at, value in series["values"]]
                found[_named(target["legendFormat"], series["metric"])] = points
        return found

    def last(self, panel: dict[str, Any]) -> dict[str, float]:
        """The values of a panel's series at the end, by name."""
        return {
            _named(target["legendFormat"], series["metric"]): float(series["value"][1])
            for target in panel["targets"]
            for series in self.prometheus.query(filled(target["expr"], self.end - self.start))
        }


def draw(page: dict[str, Any], seen: Seen) -> bytes:
    """Returns a dashboard as a PNG."""
    height = max(each["gridPos"]["y"] + each["gridPos"]["h"] for each in page["panels"])
    with mpl.rc_context({"font.size": 7, "axes.titlesize": 8}):
        figure = Figure(figsize=(WIDTH * COLUMN, height * ROW), dpi=DPI)
        for panel in page["panels"]:
            _draw_panel(figure, panel, height, seen)
        raw = io.BytesIO()
        figure.savefig(raw, format="png")
    image = Image.open(raw).convert("RGB").quantize(COLOURS)
    small = io.BytesIO()
    image.save(small, format="png", optimize=True)
    return small.getvalue()


def _draw_panel(figure: Figure, panel: dict[str, Any], height: int, seen: Seen) -> None:
    place = panel["gridPos"]
    top = 1 - place["y"] / height
    left, width = place["x"] / WIDTH, place["w"] / WIDTH
    if panel["type"] == "row":
        figure.text(left + 0.004, top - 0.7 / height, panel["title"], weight="bold", size=10)
        return
    tall = place["h"] / height
    inner = (left + 0.04, top - tall + 2.4 / height, width - 0.05, tall - 3.5 / height)
    if panel["type"] == "timeseries":
        axes = figure.add_axes(inner)
        axes.set_title(panel["title"], loc="left")
        _draw_graph(axes, panel, seen)
        return
    axes = figure.add_axes(
        (left + 0.01, top - tall + 0.4 / height, width - 0.02, tall - 1.5 / height)
    )
    axes.set_title(panel["title"], loc="left")
    axes.set_xticks([])
    axes.set_yticks([])
    draw = _draw_number if panel["type"] == "stat" else _draw_table
    draw(axes, panel, seen)


def _draw_graph(axes: Axes, panel: dict[str, Any], seen: Seen) -> None:
    lines = seen.lines(panel)
    style = panel["fieldConfig"]["defaults"]
    if style["custom"].get("stacking", {}).get("mode") == "normal":
        _stack(axes, lines)
    else:
        for name, points in lines.items():
            times, values = zip(*points, strict=True)
            axes.plot(times, values, label=name, linewidth=1)
    _format(axes, style, lines)


def _stack(axes: Axes, lines: dict[str, list[tuple[float, float]]]) -> None:
    """One upon the other; a moment without a value is 0."""
    every = {at for points in lines.values() for at, _ in points}
    times = [at + min(every) for at in range(int(max(every) - min(every)) + 1)] if every else []
    rows = []
    for points in lines.values():
        known = {round(at): value for at, value in points if math.isfinite(value)}
        rows.append([known.get(round(at), 0.0) for at in times])
    if times:
        axes.stackplot(times, rows, labels=list(lines), alpha=0.6)


def _peak(points: list[tuple[float, float]]) -> float:
    return max((value for _, value in points if math.isfinite(value)), default=0.0)


def _format(axes: Axes, style: dict[str, Any], names: dict[str, Any]) -> None:
    """The axes, and the names of the series that rise highest."""
    axes.set_ylim(bottom=0, top=style.get("max"))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: text_of(value, style["unit"])))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g} s"))
    if style["unit"].startswith("bool"):
        axes.set_yticks([0, 1])
        axes.set_ylim(-0.1, 1.1)
    axes.grid(alpha=0.3)
    if names:
        known = dict(zip(*reversed(axes.get_legend_handles_labels()), strict=True))
        highest = sorted(known, key=lambda name: -_peak(names[name]))[:MOST_NAMES]
        axes.legend(
            [known[name] for name in highest],
            highest,
            loc="upper left",
            bbox_to_anchor=(0, -0.1),
            fontsize=5.5,
            frameon=False,
            ncols=3,
        )


def _draw_number(axes: Axes, panel: dict[str, Any], seen: Seen) -> None:
    style = panel["fieldConfig"]["defaults"]
    value = next(iter(seen.last(panel).values()), math.nan)
    axes.text(
        0.5,
        0.5,
        text_of(value, style["unit"]),
        ha="center",
        va="center",
        size=18,
        color=_colour(value, style),
        transform=axes.transAxes,
    )


def _draw_table(axes: Axes, panel: dict[str, Any], seen: Seen) -> None:
    axes.text(0.02, 0.95, "\n".join(seen.last(panel)), va="top", size=7, transform=axes.transAxes)


def _colour(value: float, style: dict[str, Any]) -> str:
    """The colour of the last step that the value reaches."""
    colour = "black"
    for step in style.get("thresholds", {}).get("steps", ()):
        if step["value"] is None or value >= step["value"]:
            colour = step["color"]
    return colour


def _named(legend: str, labels: dict[str, str]) -> str:
    for name, value in labels.items():
        legend = legend.replace(f"{{{{{name}}}}}", value)
    return legend


def text_of(value: float, unit: str) -> str:
    """A value in its unit, as short as Grafana writes it."""
    if not math.isfinite(value):
        return "no data"
    if unit == "percentunit":
        return f"{value * 100:.4g} %"
    if unit in ("bool_on_off", "bool_yes_no"):
        on, off = ("on", "off") if unit == "bool_on_off" else ("yes", "no")
        return on if value else off
    for size, name in _STEPS.get(unit, ()):
        if value >= size:
            return f"{value / size:.3g}{name}"
    return f"{value:.4g}" + {"ops": "/s", "reqps": "/s", "bytes": " B", "s": " s"}.get(unit, "")


def written(pages: dict[str, Any], seen: Seen, folder: Path) -> list[Path]:
    """Writes a picture of each dashboard; returns their files."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for name, page in pages.items():
        paths.append(folder / f"{name}.png")
        paths[-1].write_bytes(draw(page, seen))
    return paths
