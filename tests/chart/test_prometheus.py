"""A real Prometheus reads a service under load, and every panel and alert has its data there."""

import math
import time
from collections.abc import Iterator

import pytest

from testkit.monitoring.expressions import of_panels, pages, selectors
from testkit.monitoring.pictures import Seen, draw
from testkit.monitoring.prometheus import promtool
from testkit.monitoring.scene import MODEL, Scene, watched
from testkit.preloaded import completed
from testkit.servers import MlflowServer
from testkit.waiting import until
from tests.chart import alert_cases
from tests.chart.rendering import scenario

pytestmark = pytest.mark.prometheus
AT_ONCE = {"InferenceDeadLettersGrow", "InferenceSyncBudgetBurnsFast"}
"""What the failures of the scene burn fires without a wait."""

SEEN = {"InferenceStoreAway", "InferenceBrokerAway"}
"""What the store that is away has pending, until it is back."""

NEVER = {
    'http_request_duration_seconds_count{namespace="predictions", status="500", route!="/predict/"}'
}
"""Answers that no failure of the scene brings about."""


@pytest.fixture(scope="module")
def scene(mlflow_server: MlflowServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    done = completed("testkit.register", mlflow_server.url, MODEL, env={})
    assert done.returncode == 0, done.stderr
    groups = alert_cases.groups(scenario("monitoring"))
    with watched(tmp_path_factory.mktemp("scene"), mlflow_server.url, groups, 0) as found:
        yield found


def test_prometheus_reads_every_target(scene: Scene) -> None:
    def down() -> list[str]:
        targets = scene.prometheus.get("/api/v1/targets")["activeTargets"]
        assert len(targets) == 7
        return [each["lastError"] for each in targets if each["health"] != "up"]

    until(lambda: not down(), "Prometheus to read all of them in one second")


def test_every_query_of_every_panel_has_data(scene: Scene) -> None:
    now = time.time()
    empty = []
    for found in of_panels(now - scene.began):
        series = scene.prometheus.query_range(found.expr, scene.began, now, 1)
        values = [float(value) for each in series for _, value in each["values"]]
        if not any(map(math.isfinite, values)):
            empty.append((found.page, found.panel, found.expr))
    assert empty == []


def test_every_series_of_every_rule_is_there(scene: Scene) -> None:
    rules = [
        rule["expr"]
        for group in alert_cases.groups(scenario("monitoring"))
        for rule in group["rules"]
    ]
    wanted = {found for expr in rules for found in selectors(expr)}
    assert len(wanted) > 30
    of_keda = {each for each in wanted if each.startswith("keda_")}
    missing = {
        found for found in wanted if not scene.prometheus.query(f"last_over_time({found}[10m])")
    }
    assert 2 * len(of_keda & missing) == len(of_keda), "KEDA's namespace has one name or the other"
    assert missing - of_keda == NEVER


def test_prometheus_evaluates_every_rule_and_the_right_ones_fire(scene: Scene) -> None:
    groups = scene.prometheus.get("/api/v1/rules")["groups"]
    rules = [rule for group in groups for rule in group["rules"]]
    assert {rule["name"]: rule.get("lastError") for rule in rules if rule["health"] != "ok"} == {}
    history = scene.prometheus.query('last_over_time(ALERTS{namespace="predictions"}[10m])')
    states = {(each["metric"]["alertname"], each["metric"]["alertstate"]) for each in history}
    assert {(name, "firing") for name in AT_ONCE} <= states
    assert {(name, "pending") for name in SEEN} <= states
    assert "InferenceGatewayErrors" not in {name for name, _ in states}


def test_a_dashboard_is_drawn_from_what_prometheus_saw(scene: Scene) -> None:
    seen = Seen(scene.prometheus, scene.began, time.time())
    picture = draw(pages()["is-it-fine"], seen)
    assert picture.startswith(b"\x89PNG")
    assert 10_000 < len(picture) < 150_000


def test_promtool_has_nothing_to_say_about_what_the_programs_answer(scene: Scene) -> None:
    for name, text in scene.expositions().items():
        done = promtool("check", "metrics", stdin=text)
        assert (done.returncode, done.stdout + done.stderr) == (0, ""), name
