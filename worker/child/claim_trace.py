"""The spans of one claim, written when it has ended: five for each of its records, and its own.

A record's spans are in the trace that it came with, below the span *accept*. A claim of several
records has a span *batch* in a trace of its own, linked to the run of each, and each run to it.
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from inference.records import BadRun
from inference.store.messages import ClaimAnswer, ClaimedRecord, Outcome, SettleAnswer
from inference.telemetry import attributes as names
from inference.telemetry import set_current
from inference.telemetry.attributes import Operation, about, span_name
from inference.telemetry.run_spans import events_of
from inference.telemetry.tracing import Event, Kind, Span, Tracing, Value, alone, child_of, now_ns
from inference.trace_context import TraceContext
from worker.child.failures import error_type
from worker.settings import WorkerSettings

_KINDS = {Operation.CLAIM: Kind.CLIENT, Operation.RUN: Kind.CONSUMER, Operation.SETTLE: Kind.CLIENT}


class ClaimTrace:
    """Notes when each part of a claim begins. The runner calls it in the order of the methods."""

    def __init__(self, tracing: Tracing, settings: WorkerSettings, claim_id: str) -> None:
        self._tracing = tracing
        self._pool = settings.model
        self._worker = settings.worker_id
        self._claim_id = claim_id
        self._rows = 0
        self._records: dict[str, ClaimedRecord] = {}
        self._runs: dict[str, TraceContext] = {}
        self._ran: set[str] = set()
        self._version, self._end_ns = "", 0
        self._at = {Operation.CLAIM: now_ns()}

    def claimed(self, answer: ClaimAnswer) -> None:
        """Names the claim in all lines from now on. The sampler is asked for each record."""
        records = [record for record in answer.records if record.input is not None]
        self._at[Operation.PREPARE] = now_ns()
        self._records = {record.task_id: record for record in records}
        self._rows = sum(record.rows for record in records)
        if self._tracing.on:
            for record in records:
                context = self._tracing.enter(span_name(Operation.RUN, self._pool), record.trace)
                if context is not None and context.sampled:
                    self._runs[record.task_id] = context
        traces = [record.trace for record in records if record.trace]
        trace = next(iter(self._runs.values()), traces[0] if traces else None)
        only = records[0] if len(records) == 1 else None
        set_current(
            trace,
            claim_id=self._claim_id,
            model=self._pool,
            task_id=only.task_id if only else "",
            request_id=only.request_id if only else "",
            request_ids=[record.request_id for record in records] if not only else "",
        )

    def running(self, records: Sequence[ClaimedRecord]) -> None:
        """The model is called with these; the others failed before."""
        self._at[Operation.RUN] = now_ns()
        self._ran = {record.task_id for record in records}

    def settling(self) -> None:
        """What came of the run is about to be written."""
        self._at[Operation.SETTLE] = now_ns()

    def settled(self, outcomes: Sequence[Outcome], answer: SettleAnswer, version: str) -> None:
        """Writes all spans down."""
        if not self._runs:
            return
        self._end_ns, self._version = now_ns(), version
        bad = {run.task_id: run for run in answer.bad_runs}
        batch = alone(kept=True) if len(self._records) > 1 else None
        for outcome in outcomes:
            if outcome.task_id in self._runs:
                self._write_wait(self._records[outcome.task_id])
                self._write_run(outcome, bad.get(outcome.task_id), batch)
                self._write_settle(outcome.task_id, answer.words.get(outcome.task_id, ""))
        if batch is not None:
            self._write_batch(batch)

    def _write_wait(self, record: ClaimedRecord) -> None:
        claimed_ns = self._at[Operation.PREPARE]
        waited_ns = record.waited_ms * 1_000_000
        self._span(record, Operation.WAIT, (claimed_ns - waited_ns, claimed_ns))
        self._span(record, Operation.CLAIM, (self._at[Operation.CLAIM], claimed_ns))

    def _write_run(self, outcome: Outcome, bad: BadRun | None, batch: TraceContext | None) -> None:
        """Writes *prepare* and *run*, or what failed before the model had it as *prepare* alone."""
        record, at, error = self._records[outcome.task_id], self._at, error_type(outcome)
        prepare_ns, settle_ns = at[Operation.PREPARE], at[Operation.SETTLE]
        ran = record.task_id in self._ran
        run_ns = at[Operation.RUN] if ran else settle_ns
        told: dict[str, Value] = {
            names.ATTEMPT: record.attempts + 1,
            names.VERSION: self._version,
            names.WORKER: self._worker,
            names.BATCH_COUNT: len(self._records),
            **({names.ERROR_TYPE: error} if error else {}),
        }
        events = events_of(bad, self._end_ns) if bad else []
        if not ran:
            times = (prepare_ns, settle_ns)
            self._span(record, Operation.PREPARE, times, told, error=error, events=events)
            return
        self._span(record, Operation.PREPARE, (prepare_ns, run_ns))
        links = (batch,) if batch else ()
        times = (run_ns, settle_ns)
        self._span(record, Operation.RUN, times, told, error=error, events=events, links=links)

    def _write_settle(self, task_id: str, state: str) -> None:
        times = (self._at[Operation.SETTLE], self._end_ns)
        self._span(self._records[task_id], Operation.SETTLE, times, {names.STATE: state})

    def _span(
        self,
        record: ClaimedRecord,
        operation: Operation,
        times: tuple[int, int],
        told: Mapping[str, Value] = MappingProxyType({}),
        *,
        error: str = "",
        events: Sequence[Event] = (),
        links: Sequence[TraceContext] = (),
    ) -> None:
        run = self._runs[record.task_id]
        self._tracing.write(
            Span(
                span_name(operation, self._pool),
                run if operation is Operation.RUN else child_of(run),
                record.trace or (None if operation is Operation.RUN else run),
                *times,
                {**about(operation, self._pool, record.task_id), **told},
                kind=_KINDS.get(operation, Kind.INTERNAL),
                events=events,
                links=links,
                error=error,
            )
        )

    def _write_batch(self, batch: TraceContext) -> None:
        self._tracing.write(
            Span(
                span_name(Operation.BATCH, self._pool),
                batch,
                None,
                self._at[Operation.CLAIM],
                self._end_ns,
                {
                    **about(Operation.BATCH, self._pool),
                    names.BATCH_COUNT: len(self._records),
                    names.ROWS: self._rows,
                    names.VERSION: self._version,
                    names.WORKER: self._worker,
                },
                kind=Kind.CONSUMER,
                links=tuple(self._runs.values()),
            )
        )
