"""Runs the benchmark as people run it, only shorter.

It must go on working; its figures are not looked at here.
"""

import subprocess
import sys

import pytest

from testkit.stack import ROOT


def test_the_benchmark_prints_its_table() -> None:
    assert measured("bench", "--seconds", "0.3", "--rounds", "1") == published("# Results")


def test_the_benchmark_of_large_payloads_prints_its_table() -> None:
    assert measured("bench.payloads", "--images", "20") == published("## Large payloads")


def test_the_benchmark_of_large_bodies_prints_its_table() -> None:
    assert measured("bench.bodies", "--megabytes", "1") == published("## Large bodies")


@pytest.mark.rabbitmq
def test_the_benchmark_of_the_brokers_prints_its_table() -> None:
    assert measured("bench.brokers", "--seconds", "0.3", "--rounds", "1") == published(
        "## Brokers beside each other"
    )


def measured(*arguments: str) -> list[str]:
    """Runs a benchmark and returns the first cells of the table that it prints."""
    command = [sys.executable, "-m", *arguments]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=840
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return first_cells(done.stdout.splitlines())


def published(heading: str) -> list[str]:
    """The first cells of a section's table in bench/RESULTS.md."""
    rest = (ROOT / "bench/RESULTS.md").read_text().partition(f"{heading}\n")[2].splitlines()
    end = next((place for place, line in enumerate(rest) if line.startswith("#")), len(rest))
    return first_cells(rest[:end])


def first_cells(lines: list[str]) -> list[str]:
    return [line.split(" | ")[0].removeprefix("| ") for line in lines if line.startswith("| ")]
