"""The order of the suites and which of them a plain `scripts/test` leaves out: a pytest plugin, for one summary at the end.

pytest-randomly shuffles all tests; here they are put back into stages, each still shuffled, so that what is quick to fail
fails first.
"""

import os
from collections import Counter

import pytest

from scripts.charts.tools import path_of

ROOT_STAGES = (
    "tests/unit",
    "tests/contract",
    "tests/gateway",
    "tests/models",
    "tests/integration",
    "tests/scripts",
    "tests/chart",
    "tests/cluster",
)
"""Fast to slow. A folder not named here comes after the third."""

LEFT_OUT = {
    "kill": "kills every process in mid-batch, two hundred records each: minutes of both cores",
    "clock": "needs libfaketime (on Debian: apt install libfaketime)",
    "chart": "needs helm, helm-docs and kubeconform (scripts/chart --tools)",
    "cluster": "needs a cluster with KEDA and our images, named by KUBECONFIG, and a quarter of an hour",
}
"""Marks that are left out unless asked for, and why."""

CHART_TOOLS = ("helm", "helm-docs", "kubeconform")
"""Where these are, the chart's tests are quick enough for everybody."""

_left_out: pytest.StashKey[Counter[str]] = pytest.StashKey()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--every-suite", action="store_true", help="leave nothing out, and let a skipped test fail the run")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leaves out what is slow, unless the person asked for every suite, by a mark or by a test's own address."""
    items.sort(key=_stage)
    asked = config.option.every_suite or config.option.markexpr or any("::" in argument for argument in config.args)
    marks = () if asked else [mark for mark in LEFT_OUT if mark != "chart" or not all(map(path_of, CHART_TOOLS))]
    out = {item: mark for item in items for mark in marks if item.get_closest_marker(mark)}
    config.stash[_left_out] = Counter(out.values())
    if out:
        config.hook.pytest_deselected(items=list(out))
        items[:] = [item for item in items if item not in out]


def _stage(item: pytest.Item) -> int:
    places = [place for place, folder in enumerate(ROOT_STAGES) if item.nodeid.startswith(f"{folder}/")]
    return places[0] if places else 2


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """A skipped test is one that nobody ran: where every suite is required, that is a failure."""
    if session.config.option.every_suite and exitstatus == pytest.ExitCode.OK and _skipped(session.config):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Says what did not run, right above the summary."""
    for mark, count in config.stash.get(_left_out, Counter()).items():
        terminalreporter.write_line(
            f"left out: {count} tests marked {mark}: {LEFT_OUT[mark]}; run them with scripts/test -m {mark}"
        )
    if config.option.every_suite and (skipped := _skipped(config)):
        terminalreporter.write_line(f"FAILED: {skipped} tests were skipped, and every suite is required", red=True)
    for check in os.environ.get("FAILED_CHECKS", "").splitlines():
        terminalreporter.write_line(f"FAILED before the tests: {check}", red=True)


def _skipped(config: pytest.Config) -> int:
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    return len(reporter.stats.get("skipped", ())) if isinstance(reporter, pytest.TerminalReporter) else 0
