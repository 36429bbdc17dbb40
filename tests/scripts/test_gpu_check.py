"""Runs scripts/gpu-check where there may be no device: it serves, and says what needs one."""

import os
import subprocess
import sys

from testkit.stack import ROOT


def test_the_check_runs_without_a_device_and_says_what_needs_one() -> None:
    done = subprocess.run(
        [ROOT / "scripts" / "gpu-check", "--quick", "--patience", "5", "--budget-s", "800"],
        env=os.environ | {"PYTHON": sys.executable, "CUDA_VISIBLE_DEVICES": ""},
        capture_output=True,
        text=True,
        check=False,
        timeout=840,
    )
    rows = [line.split(" | ") for line in done.stdout.splitlines() if line.startswith("| ")]
    verdicts = {row[0].removeprefix("| "): row[1] for row in rows[1:]}
    assert done.returncode == 0, done.stdout + done.stderr[-3000:]
    assert verdicts == {
        "start": "passed",
        "image classifier": "left out",
        "torch model": "passed",
        "memory and utilisation": "needs a device",
        "two workers on one card": "needs a device",
        "batches of arithmetic": "passed",
        "an allocation that does not fit is halved": "needs a device",
        "a device-side assert costs the guilty one": "needs a device",
        "batches of images": "left out",
    }
