"""Kubernetes gives the programs the time to start and to stop that they take themselves."""

import re

import pytest

from app.leaving import LINGER_S
from app.settings import GatewaySettings
from scripts.charts.tools import ROOT
from tests.chart.programs import pools, read, with_urls
from tests.chart.rendering import SCENARIOS, scenario
from worker.settings import RUN_MARGIN_S, WorkerSettings


@with_urls
def test_a_worker_is_never_killed_before_its_drain_is_over(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    rendered = scenario(name)
    for deployment in pools(rendered).values():
        with monkeypatch.context() as patch:
            settings = read(WorkerSettings, rendered, deployment, patch)
        grace = deployment["spec"]["template"]["spec"]["terminationGracePeriodSeconds"]
        assert grace >= settings.drain_timeout_s + 4 * settings.store_timeout_s + 10


def test_unless_told_a_drain_lets_any_run_end(monkeypatch: pytest.MonkeyPatch) -> None:
    rendered = scenario("many")
    settings = read(WorkerSettings, rendered, pools(rendered)["ranking"], monkeypatch)
    assert (
        settings.drain_timeout_s
        >= settings.max_batch_wait_ms / 1000 + settings.run_limit_s + RUN_MARGIN_S
    )


@with_urls
def test_a_worker_has_the_time_to_start_that_it_takes_itself(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    rendered = scenario(name)
    for deployment in pools(rendered).values():
        with monkeypatch.context() as patch:
            settings = read(WorkerSettings, rendered, deployment, patch)
        container = deployment["spec"]["template"]["spec"]["containers"][0]
        probe = container["startupProbe"]
        longest = 3 * settings.start_timeout_s + settings.load_timeout_s
        assert probe["periodSeconds"] * probe["failureThreshold"] > longest
        assert deployment["spec"]["progressDeadlineSeconds"] > longest


@with_urls
def test_a_gateway_has_the_time_to_start_that_it_takes_itself(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    rendered = scenario(name)
    deployment = rendered.one("Deployment", "api")
    settings = read(GatewaySettings, rendered, deployment, monkeypatch)
    probe = deployment["spec"]["template"]["spec"]["containers"][0]["startupProbe"]
    assert probe["periodSeconds"] * probe["failureThreshold"] > 2 * settings.start_timeout_s
    assert deployment["spec"]["progressDeadlineSeconds"] > 2 * settings.start_timeout_s


@pytest.mark.parametrize("name", SCENARIOS)
def test_a_gateway_has_the_time_to_stop_that_its_server_takes(name: str) -> None:
    dockerfile = (ROOT / "app" / "Dockerfile").read_text(encoding="utf-8")
    (graceful,) = re.findall(r'"--timeout-graceful-shutdown", "(\d+)"', dockerfile)
    pod = scenario(name).one("Deployment", "api")["spec"]["template"]["spec"]
    stop = (
        pod["containers"][0]
        .get("lifecycle", {})
        .get("preStop", {})
        .get("sleep", {})
        .get("seconds", 0)
    )
    assert pod["terminationGracePeriodSeconds"] >= stop + LINGER_S + int(graceful) + 5


def test_a_trial_waits_for_the_training(monkeypatch: pytest.MonkeyPatch) -> None:
    rendered = scenario("tryout")
    assert (
        read(
            GatewaySettings, rendered, rendered.one("Deployment", "api"), monkeypatch
        ).start_timeout_s
        >= 600
    )
