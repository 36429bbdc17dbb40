"""The cases of `alerts/*.yaml`, as promtool takes them.

A case says what an operator reads: the alert's labels and its sentences. Of these promtool wants
all, so those that a case does not name are the rule's.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from tests.chart.rendering import Json, Objects

FOLDER = Path(__file__).with_name("alerts")
NAMESPACE = "predictions"


@dataclass(frozen=True)
class Case:
    """One alert, some series, and a time at which it fires or does not."""

    alert: str
    fires: bool
    said: Json

    every: str


@cache
def cases() -> tuple[Case, ...]:
    """All of them."""
    return tuple(
        case
        for file in sorted(FOLDER.glob("*.yaml"))
        for entry in yaml.safe_load(file.read_text(encoding="utf-8"))
        for case in _of(entry)
    )


def _of(entry: Json) -> Iterator[Case]:
    every = entry.get("every", "1m")
    for said in (entry["fires"], *entry.get("also_fires", ())):
        yield Case(entry["alert"], True, said, every)
    for said in entry["silent"]:
        yield Case(entry["alert"], False, said, every)


def groups(rendered: Objects) -> list[Json]:
    """The groups of all rules that the chart renders."""
    found = rendered.of("PrometheusRule").values()
    return [group for each in found for group in each["spec"]["groups"]]


def alerts(rendered: Objects) -> dict[str, Json]:
    """The alerts by name."""
    rules = [rule for group in groups(rendered) for rule in group["rules"]]
    return {rule["alert"]: rule for rule in rules if "alert" in rule}


def written(rendered: Objects, folder: Path) -> list[Path]:
    """Writes the rules and promtool's files of cases; returns the latter.

    promtool evaluates all rules that a file names for each case. So each object's rules are a file,
    or every case would pay for the windows of three days.
    """
    paths = []
    for name, found in rendered.of("PrometheusRule").items():
        own = found["spec"]["groups"]
        rules = folder / f"{name}.yaml"
        rules.write_text(yaml.safe_dump({"groups": own}), encoding="utf-8")
        of_rule = [case for case in cases() if case.alert in _names(own)]
        for every in sorted({case.every for case in of_rule}):
            paths.append(folder / f"{name}-{every}-cases.yaml")
            body = {
                "rule_files": [str(rules)],
                "evaluation_interval": every,
                # Else by chance, and an alert whose ratios come after it finds none: those of the
                # evaluation before are older than five minutes.
                "group_eval_order": [group["name"] for group in own],
                "tests": [
                    _test(case, alerts(rendered)[case.alert])
                    for case in of_rule
                    if case.every == every
                ],
            }
            paths[-1].write_text(yaml.safe_dump(body), encoding="utf-8")
    return paths


def _names(own: list[Json]) -> set[str]:
    return {rule.get("alert", "") for group in own for rule in group["rules"]}


def _test(case: Case, rule: Json) -> dict[str, Any]:
    expected = []
    if case.fires:
        texts = ("summary", "description")
        own = {key: case.said[key] for key in texts if key in case.said}
        labels = {"namespace": NAMESPACE} | rule["labels"] | case.said.get("labels", {})
        expected = [{"exp_labels": labels, "exp_annotations": rule["annotations"] | own}]
    return {
        "name": f"{case.alert}: {case.said.get('why', 'fires')}",
        "interval": case.every,
        "input_series": [
            {"series": _of_the_release(series), "values": str(values)}
            for series, values in case.said["series"].items()
        ],
        "alert_rule_test": [
            {"alertname": case.alert, "eval_time": case.said["at"], "exp_alerts": expected}
        ],
    }


def _of_the_release(series: str) -> str:
    """A series says its namespace where that is another."""
    if re.search(r"[{ ]namespace=", series):
        return series
    return series.replace("{", f'{{namespace="{NAMESPACE}", ', 1)
