"""Which suites run, in what order and in which lane: a pytest plugin, for one summary at the end.

pytest-randomly shuffles all tests. In one lane they are put back into suites, each still shuffled,
so that what is quick to fail fails first. In lanes side by side (pytest-xdist) a module's tests
stay together, since they share what they started, and the modules that take longest start first, so
that the lanes end together.
"""

import os
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling

from scripts.budget import BUDGET, expected_s
from scripts.charts.tools import path_of
from testkit import rabbitmq
from testkit.monitoring import prometheus

SUITES = (
    "tests/unit",
    "tests/contract",
    "tests/gateway",
    "tests/models",
    "tests/integration",
    "tests/clients",
    "tests/scripts",
    "tests/chart",
    "tests/cluster",
)
"""Fast to slow. A folder not named here comes after the third."""

ONE_LANE = ("tests/unit", "tests/chart", "tests/cluster")
"""Suites that share more than a module does: one process runs all of it."""

LAST = "tests/chart"
"""In lanes, where its tools are being built beside the tests: a lane would wait for them."""

LEFT_OUT = {
    "long": "take longer than 20 s each, with the reason in tests/budget.toml",
    "kill": "kills every process in mid-batch, two hundred records each: minutes of both cores",
    "clock": "needs libfaketime (on Debian: apt install libfaketime)",
    "rabbitmq": "needs RabbitMQ (on Debian: apt install rabbitmq-server)",
    "prometheus": "needs Prometheus (on Debian: apt install prometheus)",
    "clients": "needs node and npm, and installs three generators of clients (tests/clients)",
    "chart": "needs helm, helm-docs and kubeconform (scripts/chart --tools)",
    "cluster": (
        "needs a cluster with KEDA and our images, named by KUBECONFIG, and a quarter of an hour"
    ),
}
"""Marks that are left out unless asked for, and why."""

CHART_TOOLS = ("helm", "helm-docs", "kubeconform")
"""Where these are, the chart's tests are quick enough for everybody."""

_left_out: pytest.StashKey[Counter[str]] = pytest.StashKey()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--every-suite",
        action="store_true",
        help="leave nothing out, and let a skipped test fail the run",
    )


def pytest_itemcollected(item: pytest.Item) -> None:
    """Marks what is long, so that one can ask for it with `-m long`."""
    if expected_s(item.nodeid) > BUDGET.test_s:
        item.add_marker("long")


@pytest.hookimpl(trylast=True)
def pytest_configure(config: pytest.Config) -> None:
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    if isinstance(reporter, pytest.TerminalReporter) and not hasattr(config, "workerinput"):
        config.pluginmanager.register(_Failures(reporter), "failures-at-once")


class _Failures:
    """Names a test as soon as it fails: a whole run tells why only at its end, half an hour later.

    (`-v` would name all of them.)
    """

    def __init__(self, reporter: pytest.TerminalReporter) -> None:
        self._reporter = reporter

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            self._reporter.ensure_newline()
            self._reporter.write_line(f"FAILED {report.nodeid} ({report.when})", red=True)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leaves out what is slow, and sorts the rest."""
    in_lanes = hasattr(config, "workerinput")
    marks = _left_out_marks(config)
    out = {item: mark for item in items for mark in marks if item.get_closest_marker(mark)}
    config.stash[_left_out] = Counter(out.values())
    if out:
        config.hook.pytest_deselected(items=list(out))
        items[:] = [item for item in items if item not in out]
    items.sort(key=_longest_group_first(items) if in_lanes else _suite)


def _left_out_marks(config: pytest.Config) -> list[str]:
    """Returns the marks of the tests to leave out.

    There are none where every suite, a mark or a test's own address was asked for. A file or a
    folder that was named runs with its long tests.
    """
    if (
        config.option.every_suite
        or config.option.markexpr
        or any("::" in argument for argument in config.args)
    ):
        return []
    wanted = set()
    if _chart_tools():
        wanted.add("chart")
    if rabbitmq.installed():
        wanted.add("rabbitmq")
    if prometheus.installed():
        wanted.add("prometheus")
    if config.args_source is pytest.Config.ArgsSource.ARGS:
        wanted.add("long")
    return [mark for mark in LEFT_OUT if mark not in wanted]


def _chart_tools() -> bool:
    return all(map(path_of, CHART_TOOLS))


class Lanes(LoadScopeScheduling):  # type: ignore[misc]
    """Hands out groups of tests.

    (`--dist loadgroup` says it by the tests' ids, which pytest 9.2 no longer lets it change.)
    """

    def _split_scope(self, nodeid: str) -> str:
        return _group(nodeid)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Lanes:
    return Lanes(config, log)


def _group(nodeid: str) -> str:
    return next(
        (suite for suite in ONE_LANE if nodeid.startswith(f"{suite}/")), nodeid.partition("::")[0]
    )


def _suite(item: pytest.Item) -> int:
    places = [place for place, folder in enumerate(SUITES) if item.nodeid.startswith(f"{folder}/")]
    return places[0] if places else 2


def _longest_group_first(items: list[pytest.Item]) -> Any:
    lengths: Counter[str] = Counter()
    for item in items:
        lengths[_group(item.nodeid)] += expected_s(item.nodeid)
    lengths |= Counter(
        {suite: int(share) for suite, share in BUDGET.suites.items() if suite in ONE_LANE}
    )
    if not _chart_tools():
        lengths[LAST] = 0
    return lambda item: (-lengths[_group(item.nodeid)], _group(item.nodeid))


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """A skipped test is one that nobody ran: where every suite is required, that is a failure."""
    config = session.config
    if hasattr(config, "workeroutput"):
        config.workeroutput["left_out"] = dict(_left_out_of(config))
    elif config.option.every_suite and exitstatus == pytest.ExitCode.OK and _skipped(config):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def _left_out_of(config: pytest.Config) -> Counter[str]:
    return config.stash[_left_out] if _left_out in config.stash else Counter()


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Takes what a lane left out: each collects all tests, so one lane's count is everybody's."""
    node.config.stash[_left_out] = Counter(getattr(node, "workeroutput", {}).get("left_out", {}))


@pytest.hookimpl(trylast=True)  # below the slowest tests: CI shows the end of the output
def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Says what did not run and what the checks beside the tests found, right above the summary."""
    for mark, count in _left_out_of(config).items():
        terminalreporter.write_line(
            f"left out: {count} tests marked {mark}: {LEFT_OUT[mark]};"
            f" run them with scripts/test -m {mark}"
        )
    if config.option.every_suite and (skipped := _skipped(config)):
        terminalreporter.write_line(
            f"FAILED: {skipped} tests were skipped, and every suite is required", red=True
        )
    if checks := os.environ.get("CHECKS"):
        for line in _said(Path(checks)):
            terminalreporter.write_line(line, red=line.startswith("FAILED"))


def _said(checks: Path) -> list[str]:
    while not (checks / "done").exists():
        time.sleep(0.1)
    return (checks / "said").read_text(encoding="utf-8").splitlines()


def _skipped(config: pytest.Config) -> int:
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    return (
        len(reporter.stats.get("skipped", ()))
        if isinstance(reporter, pytest.TerminalReporter)
        else 0
    )
