"""The benchmark as people run it, only shorter: it must go on working; its figures are not looked at here."""

import subprocess
import sys

from tests.support.stack import ROOT


def test_the_benchmark_prints_its_table() -> None:
    command = [sys.executable, "-m", "bench", "--seconds", "0.3", "--rounds", "1"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=840)
    assert done.returncode == 0, done.stderr[-3000:]
    measured = [line.split(" | ")[0].removeprefix("| ") for line in done.stdout.splitlines() if line.startswith("| ")]
    assert measured == published("# Results")


def test_the_benchmark_of_large_payloads_prints_its_table() -> None:
    command = [sys.executable, "-m", "bench.payloads", "--images", "20"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=840)
    assert done.returncode == 0, done.stderr[-3000:]
    measured = [line.split(" | ")[0].removeprefix("| ") for line in done.stdout.splitlines() if line.startswith("| ")]
    assert measured == published("## Large payloads")


def test_the_benchmark_of_large_bodies_prints_its_table() -> None:
    command = [sys.executable, "-m", "bench.bodies", "--megabytes", "1"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=840)
    assert done.returncode == 0, done.stderr[-3000:]
    measured = [line.split(" | ")[0].removeprefix("| ") for line in done.stdout.splitlines() if line.startswith("| ")]
    assert measured == published("## Large bodies")


def published(heading: str) -> list[str]:
    """The first cells of a section's table."""
    rest = (ROOT / "bench/RESULTS.md").read_text().partition(f"{heading}\n")[2].splitlines()
    end = next((place for place, line in enumerate(rest) if line.startswith("#")), len(rest))
    return [line.split(" | ")[0].removeprefix("| ") for line in rest[:end] if line.startswith("| ")]
