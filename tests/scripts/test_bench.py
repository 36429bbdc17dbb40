"""The benchmark as people run it, only shorter: it must go on working; its figures are not looked at here."""

import subprocess
import sys

from tests.support.stack import ROOT


def test_the_benchmark_prints_its_table() -> None:
    command = [sys.executable, "-m", "bench", "--seconds", "0.3", "--rounds", "1"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=280)
    assert done.returncode == 0, done.stderr[-3000:]
    measured = [line.split(" | ")[0].removeprefix("| ") for line in done.stdout.splitlines() if line.startswith("| ")]
    published = [
        line.split(" | ")[0].removeprefix("| ")
        for line in (ROOT / "bench/RESULTS.md").read_text().splitlines()
        if line.startswith("| ")
    ]
    assert measured == published
