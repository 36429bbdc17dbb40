"""What the tests may cost.

A pytest plugin that fails a whole run in which something exceeds tests/budget.toml by half.

Machines differ and are shared, so nothing is compared with a clock alone: where at least two suites
take longer than their share, the machine is slow, and every allowance grows by the factor of the
second slowest. BUDGET=said fails nothing.
"""

import os
import tomllib
from dataclasses import dataclass, field
from pathlib import Path

import pytest

FILE = Path(__file__).resolve().parents[1] / "tests" / "budget.toml"
EXCESS, NOISE_S = 1.5, 60.0
"""By half, and by a minute: on a shared machine any test may wait as long for others."""
_stash: pytest.StashKey["Spent"] = pytest.StashKey()


@dataclass(frozen=True)
class Budget:
    """Seconds that tests and suites may take.

    What a test may take that is not named, what each named one may, and each suite with its
    fixtures.
    """

    test_s: float
    tests: dict[str, float]
    suites: dict[str, float]

    def of(self, test: str) -> float:
        """What a test may take, all its parameters alike."""
        return self.tests.get(test.partition("[")[0], self.test_s)


def read(file: Path = FILE) -> Budget:
    """Reads the file; each test named there has its reason."""
    budget = tomllib.loads(file.read_text(encoding="utf-8"))
    assert all(test["because"] for test in budget["tests"].values())
    return Budget(
        budget["test_s"],
        {name: test["seconds"] for name, test in budget["tests"].items()},
        budget["suites"],
    )


BUDGET = read()


def expected_s(nodeid: str) -> int:
    """Roughly how long a test takes: what it is named with, or a second."""
    return int(BUDGET.tests.get(nodeid.partition("[")[0], 1))


@dataclass
class Spent:
    """Seconds spent so far, by test and by suite."""

    tests: dict[str, float] = field(default_factory=dict)
    suites: dict[str, float] = field(default_factory=dict)

    def add(self, report: pytest.TestReport) -> None:
        """A test is charged for its own call, its suite for what it shares too."""
        suite = "/".join(report.nodeid.split("/")[:2])
        self.suites[suite] = self.suites.get(suite, 0.0) + report.duration
        if report.when == "call":
            self.tests[report.nodeid] = report.duration

    def slowness(self, budget: Budget) -> float:
        """How many times longer than its share a suite takes on this machine, at least 1.

        One suite alone says nothing of it.
        """
        ratios = sorted(
            seconds / budget.suites[suite]
            for suite, seconds in self.suites.items()
            if suite in budget.suites
        )
        return max([1.0, *ratios[-2:-1]])

    def excesses(self, budget: Budget) -> list[str]:
        """A sentence for each test and suite that took too long."""
        factor = self.slowness(budget)
        tests = [(test, spent, budget.of(test)) for test, spent in self.tests.items()]
        suites = [
            (suite, spent, budget.suites.get(suite, 0.0)) for suite, spent in self.suites.items()
        ]
        return [
            (
                f"{name} took {spent:.0f} s, {allowed * factor:.0f} are allowed:"
                " make it shorter, or say why in tests/budget.toml"
            )
            for name, spent, allowed in [*suites, *tests]
            if spent > max(EXCESS * allowed * factor, allowed * factor + NOISE_S)
        ]


def pytest_configure(config: pytest.Config) -> None:
    config.stash[_stash] = Spent()
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(_Reader(config.stash[_stash]), "budget-reader")


class _Reader:
    """Hears of every test, also of those that other processes ran."""

    def __init__(self, spent: Spent) -> None:
        self._spent = spent

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self._spent.add(report)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """An excess fails a run that would have passed."""
    passed = exitstatus == pytest.ExitCode.OK and not _only_said()
    if passed and _whole(session.config) and session.config.stash[_stash].excesses(BUDGET):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.hookimpl(trylast=True)  # below the slowest tests: CI shows the end of the output
def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Says what each suite took beside its share, and what took too long."""
    if not _whole(config):
        return
    spent = config.stash[_stash]
    for suite, seconds in sorted(spent.suites.items()):
        terminalreporter.write_line(
            f"{suite}: {seconds:.0f} s of {BUDGET.suites.get(suite, 0):.0f}"
        )
    if _only_said():
        terminalreporter.write_line("the budget is said and not enforced (BUDGET=said)")
    for sentence in spent.excesses(BUDGET):
        terminalreporter.write_line(f"over budget: {sentence}", red=True)


def _only_said() -> bool:
    return os.environ.get("BUDGET") == "said"


def _whole(config: pytest.Config) -> bool:
    return (
        bool(config.getoption("every_suite", False))
        and not config.option.keyword
        and not config.option.markexpr
    )
