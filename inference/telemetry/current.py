"""What the present request or claim is called: ids for log lines, and its place in a trace.

A gateway's requests are tasks of one event loop, a worker's claims follow each other on a thread.
Both have a context of their own (`contextvars`).
"""

from collections.abc import Mapping
from contextvars import ContextVar
from typing import Any

from inference.trace_context import TraceContext

_IDS: ContextVar[Mapping[str, Any]] = ContextVar("ids", default={})  # noqa: B039, never written to
_TRACE: ContextVar[TraceContext | None] = ContextVar("trace", default=None)


def set_current(trace: TraceContext | None = None, **ids: Any) -> None:
    """Names the present request or claim in all that is logged from now on.

    Ids that are empty are left out. Without arguments nothing is named any more.
    """
    if trace is not None:
        ids["trace_id"] = trace.trace_id
    _IDS.set({name: value for name, value in ids.items() if value})
    _TRACE.set(trace)


def enter_trace(trace: TraceContext) -> None:
    """Names another place in a trace; the other ids stand."""
    _IDS.set({**_IDS.get(), "trace_id": trace.trace_id})
    _TRACE.set(trace)


def current_ids() -> Mapping[str, Any]:
    """Returns what `set_current` named."""
    return _IDS.get()


def current_trace() -> TraceContext | None:
    """Returns the place in a trace that `set_current` named."""
    return _TRACE.get()


def current_trace_id() -> str | None:
    """Returns the trace of the present request or claim, in hexadecimal, for an exemplar.

    None outside of a trace, and in one that is not kept.
    """
    trace = _TRACE.get()
    return trace.trace_id if trace is not None and trace.sampled else None
