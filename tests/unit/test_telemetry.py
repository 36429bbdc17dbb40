"""Log lines."""

import json
import subprocess
import sys

from testkit.stack import ROOT

PROGRAM = r"""
import logging, structlog
from inference.telemetry import set_up_logging
set_up_logging()
for log in (structlog.get_logger(), logging.getLogger("library")):
    try:
        raise ValueError("half a pair: \ud800")
    except ValueError:
        log.exception("failed")
structlog.get_logger().info("counted", number=10**30)
"""


def test_what_utf_8_or_64_bits_can_not_hold_is_logged_all_the_same() -> None:
    said = subprocess.run(
        [sys.executable, "-c", PROGRAM], cwd=ROOT, check=True, capture_output=True, text=True
    )
    lines = [json.loads(line) for line in said.stdout.splitlines()]
    assert [line["event"] for line in lines] == ["failed", "failed", "counted"]
    assert all("half a pair" in line["exception"] for line in lines[:2])
    assert lines[2]["number"] == 10**30
    assert not said.stderr
