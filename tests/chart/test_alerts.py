"""Each alert fires when it should and is silent when not, and its runbook says what to do.

promtool judges the rules that the chart renders, by Prometheus' own evaluation.
"""

import re
from pathlib import Path

import pytest
import yaml

from scripts.charts.tools import ROOT
from testkit.monitoring.prometheus import promtool
from tests.chart import alert_cases
from tests.chart.promql import sums_of_the_store
from tests.chart.rendering import Json, merged, render, scenario

ENTRY = re.compile(r"^### (Inference\w+)\n(.*?)(?=^##|\Z)", re.MULTILINE | re.DOTALL)


def rules() -> dict[str, Json]:
    return alert_cases.alerts(scenario("monitoring"))


def test_every_alert_has_a_case_that_fires_and_one_that_is_silent() -> None:
    for fires in (True, False):
        assert {case.alert for case in alert_cases.cases() if case.fires == fires} == set(rules())


@pytest.mark.prometheus
def test_every_case_fires_or_is_silent_as_it_says(tmp_path: Path) -> None:
    for path in alert_cases.written(scenario("monitoring"), tmp_path):
        done = promtool("test", "rules", str(path))
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.prometheus
def test_the_cases_see_a_rule_that_sums_over_gateways(tmp_path: Path) -> None:
    cases = alert_cases.written(scenario("monitoring"), tmp_path)
    rules = tmp_path / "inference-alerts.yaml"
    right = "max by (namespace, model) (prediction_queue_outstanding"
    text = rules.read_text(encoding="utf-8")
    assert right in text
    rules.write_text(text.replace(right, right.replace("max", "sum")), encoding="utf-8")
    (path,) = [path for path in cases if path.name.startswith("inference-alerts-1m")]
    done = promtool("test", "rules", str(path))
    assert done.returncode != 0
    assert "InferenceQueueNearItsBound" in done.stdout + done.stderr


@pytest.mark.prometheus
def test_prometheus_takes_the_rules(tmp_path: Path) -> None:
    path = tmp_path / "rules.yaml"
    path.write_text(yaml.safe_dump({"groups": alert_cases.groups(scenario("monitoring"))}))
    done = promtool("check", "rules", "--lint=all", "--lint-fatal", str(path))
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_alert_leads_to_its_entry_of_the_runbook() -> None:
    page = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    entries = dict(ENTRY.findall(page))
    assert set(entries) == set(rules())
    for name, rule in rules().items():
        address, _, anchor = rule["annotations"]["runbook_url"].partition("#")
        assert (address, anchor) == ("https://wiki.example.com/inference/operations", name.lower())
        assert [f"- *{part}*: " in entries[name] for part in ("shows", "costs", "do")] == [True] * 3


def test_the_page_s_table_has_every_alert_and_its_severity() -> None:
    page = (ROOT / "docs" / "monitoring.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| \[(\w+)\]\(operations\.md#(\w+)\) \| (\w+) \|", page, re.MULTILINE)
    assert sorted(rows) == sorted(
        (name, name.lower(), rule["labels"]["severity"]) for name, rule in rules().items()
    )


def test_without_a_base_the_runbook_is_named_by_its_file() -> None:
    values = yaml.safe_load((ROOT / "charts/inference/ci/monitoring-values.yaml").read_text())
    rendered = render(merged(values, {"monitoring": {"prometheusRule": {"runbookBaseUrl": ""}}}))
    for name, rule in alert_cases.alerts(rendered).items():
        assert rule["annotations"]["runbook"] == f"docs/operations.md#{name.lower()}"


def test_every_alert_is_of_this_release_s_namespace() -> None:
    for name, rule in rules().items():
        selectors = re.findall(r"\{([^}]*)\}", rule["expr"])
        assert selectors, name
        for selector in selectors:
            assert 'namespace="predictions"' in selector, name


def test_no_alert_sums_the_store_s_numbers_over_gateways() -> None:
    for name, rule in rules().items():
        assert sums_of_the_store(rule["expr"]) == [], name


@pytest.mark.parametrize("seconds", [0.05, 1, 3600])
def test_in_time_is_a_bound_of_the_histogram(seconds: float) -> None:
    values = yaml.safe_load((ROOT / "charts/inference/ci/monitoring-values.yaml").read_text())
    slo = {"slo": {"timeToResult": {"seconds": seconds}}}
    rendered = render(merged(values, {"monitoring": {"prometheusRule": slo}}))
    records = [rule for group in alert_cases.groups(rendered) for rule in group["rules"]]
    found = {le for rule in records for le in re.findall(r'le="([^"]*)"', rule["expr"])}
    assert found == {str(float(seconds))}
