"""Reads of a reply what is for those who look on: traces, and the runs that ended badly."""

from inference.records import BadRun
from inference.states import State
from inference.store.redis.commands.command import Reply, by_name, text
from inference.trace_context import TraceContext


def trace_of(fields: Reply) -> TraceContext | None:
    """Returns the span that a record belongs to, if it keeps one."""
    if not fields.get("span"):
        return None
    return TraceContext.of_record(text(fields.get("trace", "")), text(fields["span"]))


def bad_runs(reply: Reply) -> tuple[BadRun, ...]:
    """Returns what `tell_run` of 3_retry_and_back_off.lua told."""
    return tuple(_bad_run(by_name(told)) for told in reply.get("bad_runs", ()))


def _bad_run(told: Reply) -> BadRun:
    return BadRun(
        task_id=text(told["task_id"]),
        state=State(text(told["state"])),
        began_ms=told["began"],
        attempts=told["attempts"],
        worker=text(told["worker"]),
        due_in_ms=told["due_in"],
        trace=trace_of(told),
        request_id=text(told.get("request", "")),
    )
