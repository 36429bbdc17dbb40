"""Logs and traces, for gateway and worker alike."""

from inference.telemetry.current import (
    current_ids,
    current_trace,
    current_trace_id,
    enter_trace,
    set_current,
)
from inference.telemetry.logs import set_log_level, set_up_logging

__all__ = [
    "current_ids",
    "current_trace",
    "current_trace_id",
    "enter_trace",
    "set_current",
    "set_log_level",
    "set_up_logging",
]
