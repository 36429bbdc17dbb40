"""The dashboards keep to rules, so that each of them can be read and none shows a wrong number."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from scripts.dashboards.__main__ import DASHBOARDS, FOLDER, out_of_date
from tests.chart.promql import metrics_of, sums_of_the_store
from tests.chart.rendering import scenario

UNITS = {"short", "s", "bytes", "ops", "reqps", "percentunit", "bool_on_off", "bool_yes_no"}
"""Grafana shows others too; these are what the metrics have."""

SOURCE = {"type": "prometheus", "uid": "${datasource}"}
PAGES = {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in FOLDER.glob("*.json")}
PANELS = [
    pytest.param(panel, id=f"{name}: {panel['title']}")
    for name, page in sorted(PAGES.items())
    for panel in page["panels"]
    if panel["type"] != "row"
]
each_panel = pytest.mark.parametrize("panel", PANELS)


def test_the_files_are_what_the_code_says() -> None:
    assert list(out_of_date()) == []


def test_a_changed_file_is_out_of_date(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "of-another-release.json").write_text("{}")
    monkeypatch.setattr("scripts.dashboards.__main__.FOLDER", tmp_path)
    assert set(out_of_date()) == {
        "of-another-release.json",
        *(f"{page.name}.json" for page in DASHBOARDS),
    }


def test_a_person_chooses_the_source_the_namespace_and_the_pools() -> None:
    for page in PAGES.values():
        source, namespace, pool = page["templating"]["list"]
        assert (source["name"], source["type"]) == ("datasource", "datasource")
        assert (namespace["name"], namespace["multi"]) == ("namespace", False)
        assert (pool["name"], pool["multi"], pool["includeAll"]) == ("model", True, True)
        assert namespace["datasource"] == pool["datasource"] == SOURCE


def test_no_two_panels_of_a_page_have_one_title() -> None:
    for page in PAGES.values():
        titles = [panel["title"] for panel in page["panels"]]
        assert len(titles) == len(set(titles))


@each_panel
def test_a_panel_says_what_it_shows_and_what_to_do(panel: dict[str, Any]) -> None:
    shows, _, bad = panel["description"].partition("\n\n**If it looks bad:** ")
    for text in (shows, bad):
        assert text.endswith((".", "?"))
        assert all(len(sentence.split()) <= 30 for sentence in re.split(r"(?<=[.?]) ", text))
    assert panel["title"][0].isupper()
    assert panel["fieldConfig"]["defaults"]["unit"] in UNITS
    assert panel["datasource"] == SOURCE


@each_panel
def test_a_panel_names_other_panels_and_pages_that_exist(panel: dict[str, Any]) -> None:
    titles = {each["title"] for page in PAGES.values() for each in page["panels"]}
    assert set(re.findall(r'"([^"]+)"', panel["description"])) <= titles
    pages = {page["title"].removeprefix("Inference: ").capitalize() for page in PAGES.values()}
    named = re.findall(r"(?<!\*)\*([A-Z][^*]+)\*(?!\*)", panel["description"])
    assert set(named) <= pages | {"Scaling"}


@each_panel
def test_a_query_has_a_legend_and_takes_its_interval_from_grafana(panel: dict[str, Any]) -> None:
    assert panel["targets"]
    for target in panel["targets"]:
        expr = target["expr"]
        assert target["datasource"] == SOURCE
        assert target["legendFormat"]
        windows = set(re.findall(r"\[([^\]]+)\]", expr))
        assert windows <= ({"$__rate_interval"} if panel["type"] == "timeseries" else {"$__range"})
        shown = set(re.findall(r"{{(\w+)}}", target["legendFormat"]))
        assert shown <= set(re.findall(r"\w+", " ".join(re.findall(r"by \(([^)]*)\)", expr))))


@each_panel
def test_a_query_is_of_the_namespace_and_the_pools_chosen(panel: dict[str, Any]) -> None:
    for target in panel["targets"]:
        for selector in re.findall(r"{([^{}]*)}", target["expr"]):
            assert 'namespace="$namespace"' in selector
        assert "{" in target["expr"]


@each_panel
def test_no_panel_sums_the_store_s_numbers_over_gateways(panel: dict[str, Any]) -> None:
    assert [
        found for target in panel["targets"] for found in sums_of_the_store(target["expr"])
    ] == []


@pytest.mark.parametrize(
    ("expr", "wrong"),
    [
        ('sum by (model) (prediction_queue_waiting{a="b"})', ["prediction_queue_waiting"]),
        ("prediction_workers", ["prediction_workers"]),
        ("sum(max by (model) (prediction_queue_waiting))", []),
        ("sum by (model) (max by (model, state) (prediction_workers)) > 0", []),
        ("max by (a) (x) / sum(prediction_queue_limit)", ["prediction_queue_limit"]),
        ("sum by (model) (rate(prediction_queue_seconds_sum[5m]))", []),
        ("max by (model) (sum by (model, pod) (prediction_workers))", []),
        ("sum by (pod_of_others) (prediction_workers)", ["prediction_workers"]),
    ],
)
def test_the_rule_sees_a_sum_over_gateways(expr: str, wrong: list[str]) -> None:
    assert sums_of_the_store(expr) == wrong


def test_the_metrics_of_an_expression_are_found() -> None:
    expr = (
        'sum by (model) (rate(a_total{model=~"$model"}[5m])) / max(b{x="c_total"} or d:e offset 6h)'
    )
    assert metrics_of(expr) == {"a_total", "b", "d:e"}


def test_grafana_s_sidecar_finds_each_dashboard_by_its_label() -> None:
    maps = {
        name: each
        for name, each in scenario("monitoring").of("ConfigMap").items()
        if each["metadata"]["labels"].get("grafana_dashboard") == "1"
    }
    shipped = {
        file: json.loads(text) for each in maps.values() for file, text in each["data"].items()
    }
    assert shipped == {f"{name}.json": page for name, page in PAGES.items()}
    assert len(maps) == len(PAGES) == 4
    for each in maps.values():
        assert each["metadata"]["annotations"] == {"grafana_folder": "Inference"}
