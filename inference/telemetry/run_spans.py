"""The span *run* of a run that ended badly, and what became of its record as an event."""

from inference.records import BadRun
from inference.states import State
from inference.telemetry import attributes as names
from inference.telemetry.attributes import Operation, about, span_name
from inference.telemetry.tracing import Event, Kind, Span, Tracing, Value, child_of, now_ns


def events_of(run: BadRun, at_ns: int, *, reclaimed: bool = False) -> list[Event]:
    """Returns that it was reclaimed, and that it is tried again or runs alone from now on."""
    events = [Event(names.RECLAIMED, at_ns, {names.WORKER: run.worker})] if reclaimed else []
    if run.state is State.RETRY:
        told: dict[str, Value] = {
            names.ATTEMPT: run.attempts,
            names.BACK_OFF_S: run.due_in_ms / 1000,
        }
        events.append(Event(names.RETRY, at_ns, told))
    elif run.state is State.WAITING and run.began_ms:
        events.append(Event(names.QUARANTINED, at_ns))
    return events


def write_bad_run(
    tracing: Tracing, pool: str, run: BadRun, error: str, *, reclaimed: bool = False
) -> None:
    """Writes the run of a child that can't tell of it any more.

    A run that never began ended as it was reclaimed.
    """
    if run.trace is None or not (tracing.on and run.trace.sampled):
        return
    end_ns = now_ns()
    tracing.write(
        Span(
            span_name(Operation.RUN, pool),
            child_of(run.trace),
            run.trace,
            min(run.began_ms * 1_000_000, end_ns) or end_ns,
            end_ns,
            {
                **about(Operation.RUN, pool, run.task_id),
                names.STATE: run.state.value,
                names.WORKER: run.worker,
                names.ERROR_TYPE: error,
            },
            kind=Kind.CONSUMER,
            events=events_of(run, end_ns, reclaimed=reclaimed),
            error=error,
        )
    )
