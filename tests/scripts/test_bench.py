"""Runs the benchmarks as people run them, only shorter, on processes that start as the tests' do.

They must go on working; their figures are not looked at here.
"""

import subprocess
import sys

import pytest

from bench import __main__ as service
from bench import brokers, payloads
from testkit.stack import ROOT


@pytest.fixture
def quick(fault_registry: str) -> list[str]:
    """What has a bench start its processes as the tests do."""
    return ["--quick", fault_registry]


ROUND = ["--seconds", "0.3", "--rounds", "1"]


def test_the_benchmark_prints_its_table(
    quick: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    service.main([*ROUND, *quick])
    assert first_cells(capsys.readouterr().out) == published("# Results")


def test_the_benchmark_of_large_payloads_prints_its_table(
    quick: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    payloads.main(["--images", "8", *quick])
    assert first_cells(capsys.readouterr().out) == published("## Large payloads")


def test_the_benchmark_of_large_bodies_prints_its_table() -> None:
    command = [sys.executable, "-m", "bench.bodies", "--megabytes", "0.25"]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=840
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert first_cells(done.stdout) == published("## Large bodies")


@pytest.mark.rabbitmq
def test_the_benchmark_of_the_brokers_prints_its_table(
    quick: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    brokers.main([*ROUND, *quick])
    assert first_cells(capsys.readouterr().out) == published("## Brokers beside each other")


def published(heading: str) -> list[str]:
    """The first cells of a section's table in bench/RESULTS.md."""
    rest = (ROOT / "bench/RESULTS.md").read_text().partition(f"{heading}\n")[2].splitlines()
    end = next((place for place, line in enumerate(rest) if line.startswith("#")), len(rest))
    return first_cells("\n".join(rest[:end]))


def first_cells(said: str) -> list[str]:
    """The first cells of the table that a benchmark printed."""
    lines = said.splitlines()
    return [line.split(" | ")[0].removeprefix("| ") for line in lines if line.startswith("| ")]
