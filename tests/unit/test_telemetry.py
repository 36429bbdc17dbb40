"""Log lines."""

import json
import subprocess
import sys
from typing import Any

import pytest

from inference.errors import Misconfigured
from inference.telemetry import current_trace_id, set_current
from inference.telemetry.tracing import tracing
from inference.trace_context import TraceContext
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
NAMED = r"""
import logging, structlog
from inference.telemetry import set_current, set_up_logging
from inference.trace_context import TraceContext
set_up_logging()
set_current(TraceContext("ab" * 16, "cd" * 8), request_id="r-1", task_id="")
structlog.get_logger().info("ours", request_id="its own")
logging.getLogger("library").warning("theirs: %s", 1)
set_current()
structlog.get_logger().info("nobody's")
"""
LEVELS = r"""
import logging, os, signal, structlog
from inference.telemetry import set_up_logging
from inference.telemetry.logs import change_level_by_signal
set_up_logging("WARNING")
told = []
change_level_by_signal("WARNING", told.append)
log = structlog.get_logger()
def say(word):
    log.debug(word)
    logging.getLogger("library").debug("a password")
    logging.getLogger("library").info(word)
say("before")
os.kill(os.getpid(), signal.SIGUSR1)
say("between")
os.kill(os.getpid(), signal.SIGUSR2)
say("after")
log.warning("told", levels=told)
"""


def lines_of(program: str) -> list[dict[str, Any]]:
    """What a program logs."""
    said = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, check=True, capture_output=True, text=True
    )
    assert not said.stderr
    return [json.loads(line) for line in said.stdout.splitlines()]


def test_what_utf_8_or_64_bits_can_not_hold_is_logged_all_the_same() -> None:
    lines = lines_of(PROGRAM)
    assert [line["event"] for line in lines] == ["failed", "failed", "counted"]
    assert all("half a pair" in line["exception"] for line in lines[:2])
    assert lines[2]["number"] == 10**30


def test_a_line_has_the_ids_of_what_it_is_about_and_a_librarys_line_too() -> None:
    ours, theirs, nobodys = lines_of(NAMED)
    assert (ours["trace_id"], ours["request_id"]) == ("ab" * 16, "its own")
    assert (theirs["event"], theirs["level"], theirs["logger"]) == (
        "theirs: 1",
        "warning",
        "library",
    )
    assert (theirs["trace_id"], theirs["request_id"]) == ("ab" * 16, "r-1")
    assert "task_id" not in theirs
    assert nobodys.keys() == {"event", "level", "timestamp"}


def test_a_signal_changes_the_level_but_never_shows_a_librarys_debug_lines() -> None:
    lines = [(line["event"], line["level"]) for line in lines_of(LEVELS)]
    assert lines == [
        ("log.level_changed", "warning"),
        ("between", "debug"),
        ("between", "info"),
        ("log.level_changed", "warning"),
        ("told", "warning"),
    ]


def test_an_exemplar_names_a_trace_that_is_kept() -> None:
    set_current(TraceContext("ab" * 16, "cd" * 8, 1))
    assert current_trace_id() == "ab" * 16
    set_current(TraceContext("ab" * 16, "cd" * 8, 0))
    assert current_trace_id() is None
    set_current()
    assert current_trace_id() is None


OFF = r"""
import sys
import app.background.reaper, app.http.request_trace, worker.child.claim_trace
from inference.telemetry.tracing import Tracing, tracing
from inference.trace_context import TraceContext
import os
for said in ({}, {"OTEL_EXPORTER_OTLP_ENDPOINT": ""}, {"OTEL_SDK_DISABLED": "true"}):
    os.environ |= {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9"} | said if said else {}
    made = tracing("a", "b", "c")
    above = TraceContext("ab" * 16, "cd" * 8, 1)
    assert not made.on and made.enter("x", above) is above and made.enter("x", None) is None
    made.close()
# redis-py and FastAPI import OpenTelemetry by themselves, but nothing that exports.
exporting = ("opentelemetry.exporter", "opentelemetry.proto", "inference.telemetry.otlp")
assert not [name for name in sys.modules if name.startswith(exporting)]
"""


def test_without_a_collector_no_span_is_made_and_no_exporter_imported() -> None:
    assert lines_of(OFF) == []


def test_variables_that_can_not_be_meant_are_one_sentence(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setenv("OTEL_BSP_MAX_QUEUE_SIZE", "0")
    with pytest.raises(Misconfigured, match=r"OTEL_.*positive"):
        tracing("a", "b", "c")
