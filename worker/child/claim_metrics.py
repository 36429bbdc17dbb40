"""Measures each claim of the child: how long its records waited, and how they ended."""

import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from inference.states import State
from inference.store.messages import ClaimedRecord, Outcome, OutcomeKind
from worker import metrics
from worker.child.failures import error_type
from worker.child_status import pinned_version
from worker.models.startup_timing import process_age_s

FIRST_EPOCH = 1
"""A record that an operator replayed is older than anybody waited for it."""


class ClaimMetrics:
    """One for the child, which has one claim at a time."""

    def __init__(self, model: str) -> None:
        self._model = model
        self._taken = self._claimed = time.monotonic()
        self._ages_s: dict[str, float] = {}
        # A process that replaces another has a version to load; the first one has none.
        self._may_be_cold = not pinned_version().number

    def ticket_taken(self) -> None:
        """A claim is about to be made."""
        self._taken = time.monotonic()

    def claimed(self, records: Sequence[ClaimedRecord]) -> None:
        """The records are held; without any the ticket was for nothing."""
        if not records:
            metrics.EMPTY_CLAIMS.labels(self._model).inc()
            return
        self._claimed = time.monotonic()
        metrics.ASSEMBLY_SECONDS.labels(self._model).observe(self._claimed - self._taken)
        asked = [record for record in records if record.epoch == FIRST_EPOCH]
        self._ages_s = {record.task_id: record.age_ms / 1000 for record in asked}
        for record in asked:
            if record.fresh:
                metrics.QUEUE_SECONDS.labels(self._model).observe(record.age_ms / 1000)
        oldest_s = max((r.age_ms / 1000 for r in asked if r.fresh), default=0.0)
        if self._may_be_cold and oldest_s > process_age_s(os.getppid()):
            metrics.COLD_START_SECONDS.labels(self._model).observe(oldest_s)
        self._may_be_cold = False

    @contextmanager
    def preparing(self) -> Iterator[None]:
        """While inputs are prepared."""
        with metrics.PREPARE_SECONDS.labels(self._model).time():
            yield

    def ran(self, records: Sequence[ClaimedRecord], seconds: float) -> None:
        """The model ran these, well or not."""
        metrics.BATCH_RECORDS.labels(self._model).observe(len(records))
        metrics.BATCH_ROWS.labels(self._model).observe(sum(record.rows for record in records))
        metrics.RUN_SECONDS.labels(self._model).observe(seconds)

    def halved(self) -> None:
        """A batch did not fit."""
        metrics.HALVED.labels(self._model).inc()

    def settled(self, words: Mapping[str, str], outcomes: Sequence[Outcome]) -> None:
        """The store took the outcomes, and answered a word for each record."""
        since_s = time.monotonic() - self._claimed
        by_id = {outcome.task_id: outcome for outcome in outcomes}
        for task_id, word in words.items():
            outcome = by_id.get(task_id)
            reason = error_type(outcome) if outcome else ""
            for_good = outcome is not None and outcome.verb is OutcomeKind.FAIL_FOR_GOOD
            mistake = for_good and reason == metrics.INVALID
            metrics.count_end(self._model, word, reason, mistake=mistake)
            age_s = self._ages_s.get(task_id)
            if age_s is not None and word in (State.SUCCESS, State.FAILURE):
                metrics.RESULT_SECONDS.labels(self._model, word).observe(age_s + since_s)
