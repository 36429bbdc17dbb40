"""The spans of a call: that its prediction was accepted, and that its end was told.

The call's place in a trace is its caller's, named by the middleware. A prediction belongs to the
span *accept*; with traces off it belongs to the caller's own.
"""

from app.http.problems import Problem
from inference.ids import model_of
from inference.records import Record
from inference.store.messages import SubmitAnswer, Submitted
from inference.telemetry import attributes as names
from inference.telemetry import current_trace, enter_trace
from inference.telemetry.attributes import Operation, about, span_name
from inference.telemetry.tracing import Attributes, Kind, Span, Tracing, child_of, now_ns
from inference.trace_context import TraceContext


class SubmissionTrace:
    """The span *accept* of one submission, from its head to the store's answer."""

    __slots__ = ("_caller", "_kept", "_start_ns", "_tracing", "context")

    def __init__(self, tracing: Tracing) -> None:
        self._tracing = tracing
        self._caller = current_trace()
        self._start_ns = now_ns()
        self.context = tracing.enter("accept", self._caller)
        """The span that the record belongs to; without traces the caller's, if it named one."""
        self._kept = False
        if self.context is not None and tracing.on:
            self._kept = self.context.sampled
            enter_trace(self.context)

    def answered(self, answer: SubmitAnswer) -> None:
        """The store took it, or refused it."""
        if not self._kept:
            return
        joined = answer.kind is Submitted.JOINED and answer.trace
        self._write(
            model_of(answer.task_id) or "",
            {names.TASK_ID: answer.task_id, names.OUTCOME: answer.kind},
            links=(answer.trace,) if joined and answer.trace else (),
        )

    def failed(self, pool: str, problem: Problem) -> None:
        """Nothing was written: the request was refused, or the store did not answer.

        After `answered` it does nothing.
        """
        error, status, _ = problem.kind.value
        told = {names.HTTP_STATUS: status, names.ERROR_TYPE: error}
        self._write(pool, told, error=error if status >= 500 else "")

    def _write(
        self,
        pool: str,
        attributes: Attributes,
        *,
        links: tuple[TraceContext, ...] = (),
        error: str = "",
    ) -> None:
        if self.context is None or not self._kept:
            return
        self._kept = False  # once
        self._tracing.write(
            Span(
                span_name(Operation.ACCEPT, pool),
                self.context,
                self._caller,
                self._start_ns,
                now_ns(),
                {**about(Operation.ACCEPT, pool), **attributes},
                kind=Kind.PRODUCER,
                links=links,
                error=error,
            )
        )


def delivered(tracing: Tracing, record: Record, parent: TraceContext | None) -> None:
    """Writes the span *deliver*, from a record's end to the answer that tells of it.

    `parent` is the span *accept* of who waited, or the record's own.
    """
    if parent is None or not (tracing.on and parent.sampled and record.final):
        return
    pool, end_ns, caller = model_of(record.task_id) or "", now_ns(), current_trace()
    asked = caller if caller is not None and caller.trace_id != parent.trace_id else None
    error = str((record.error or {}).get("type", "")) if record.error else ""
    tracing.write(
        Span(
            span_name(Operation.DELIVER, pool),
            child_of(parent),
            parent,
            min(record.ended_ms * 1_000_000, end_ns),
            end_ns,
            {
                **about(Operation.DELIVER, pool, record.task_id),
                names.STATE: record.state.value,
                **({names.ERROR_TYPE: error} if error else {}),
            },
            links=(asked,) if asked else (),
        )
    )
