"""Reads and writes the large inputs and results of a claim, each failing alone.

They are read together after *begin*, and written before *settle*.

A place that does not answer is asked again for a while, no longer than a quarter of the run limit,
which counts from *begin*. After that it is a temporary failure of the record's own: it comes back
after a back-off, as often as it may be tried. A payload that the place no longer has fails for
good.
"""

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any, TypeVar

import orjson

from inference.blobs import blob_names, blob_store
from inference.errors import PayloadGone, PayloadUnavailable
from inference.failpoints import Failpoint, failpoint
from inference.retry import retry_until
from inference.store.messages import ClaimedRecord, Outcome, OutcomeKind
from worker.settings import WorkerSettings

MOST_AT_ONCE = 8
TIMEOUT_S, PAUSE_S = 10.0, 0.2
Lost = PayloadUnavailable | PayloadGone
Failed = Callable[[str, Lost], Outcome]
"""Makes the outcome of a record, by its id, out of what went wrong with its payload."""
T = TypeVar("T")


class RecordPayloads:
    """Inputs and results as the runner needs them. `failed` is the runner's word on a failure."""

    def __init__(self, settings: WorkerSettings, failed: Failed) -> None:
        self._place = blob_store.payloads_at(settings.payload_url, settings.key_prefix)
        self._threshold_bytes = settings.payload_threshold_bytes
        self._timeout_s = min(TIMEOUT_S, settings.run_limit_s / 4)
        self._failed = failed
        self._threads = ThreadPoolExecutor(MOST_AT_ONCE, "payloads")

    def inputs(self, records: Sequence[ClaimedRecord]) -> list[Any]:
        """Returns each record's input, or the error in its place.

        The error is a `PayloadUnavailable` or a `PayloadGone`.
        """
        given = [orjson.loads(record.input or b"null") for record in records]
        apart = [
            blob_names.input_reference(record.task_id, held)
            for record, held in zip(records, given, strict=True)
        ]
        if not any(apart):
            return given
        reading = self._threads.map(self._read, apart)
        return [held if read is None else read for held, read in zip(given, reading, strict=True)]

    def _read(self, reference: blob_names.Reference | None) -> Any:
        if reference is None:
            return None
        try:
            kept = self._retry(lambda: blob_store.content(self._place, reference))
        except (PayloadUnavailable, PayloadGone) as error:
            return error
        return blob_names.input_in(orjson.loads(kept))

    def keep_results(self, claim_id: str, outcomes: Iterable[Outcome]) -> list[Outcome]:
        """Writes the large results and returns all outcomes as the store is to have them."""
        outcomes = list(outcomes)
        if not any(map(self._is_large, outcomes)):
            return outcomes
        kept = list(self._threads.map(lambda outcome: self._kept(claim_id, outcome), outcomes))
        failpoint(Failpoint.RESULT_KEPT)
        return kept

    def _is_large(self, outcome: Outcome) -> bool:
        return (
            self._place is not None
            and outcome.verb is OutcomeKind.FINISH
            and len(outcome.payload) > self._threshold_bytes
        )

    def _kept(self, claim_id: str, outcome: Outcome) -> Outcome:
        place = self._place
        if place is None or not self._is_large(outcome):
            return outcome
        try:
            self._retry(
                lambda: place.write(
                    blob_names.result_name(outcome.task_id, claim_id), outcome.payload
                )
            )
        except PayloadUnavailable as error:
            return self._failed(outcome.task_id, error)
        return replace(outcome, payload=blob_names.of_result(claim_id, len(outcome.payload)))

    def _retry(self, call: Callable[[], T]) -> T:
        return retry_until(call, PayloadUnavailable, timeout_s=self._timeout_s, pause_s=PAUSE_S)
