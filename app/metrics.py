"""The gateway's metrics. docs/metrics.md says how to add them up.

Labels are few and bounded: models served, route templates, fixed words. What a caller sends is
never one.
"""

from collections import Counter as Tally
from collections.abc import Iterable

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    PlatformCollector,
    ProcessCollector,
)

from inference import metrics as shared
from inference.store.messages import QueueCounts, WorkerInfo, WorkerState

UNKNOWN = "unknown"
SOURCES = ("sync", "async")
OUTCOMES = ("accepted", "joined", "invalid", "refused", "unavailable")
TIMEOUT_REASONS = ("slo", "wait")
REAPED = ("retry_due", "expired", "result_expired", "discarded")
RUNS = ("ran", "spared", "failed")
CLEANUPS = ("done", "refused", "failed")
STATES = (WorkerState.LOADING, WorkerState.IDLE, WorkerState.BUSY, WorkerState.DRAINING)

_COUNTED = {
    "waiting": "Records that wait.",
    "running": "Records that a worker holds.",
    "retry": "Records that failed and are to run again.",
    "outstanding": "Waiting, running and retry together: what the service scales on.",
    "dead_letters": "Records that failed for good.",
    "tickets": "How many tickets are in flight, as far as the store knows.",
    "outstanding_bytes": "Bytes of the inputs of all outstanding.",
    "dead_letter_bytes": "Bytes of the inputs of all dead letters.",
    "drift": "By how much outstanding had to be corrected since ever.",
}
_SECONDS = (
    *(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0),
    *(2.5, 5.0, 10.0, 20.0, 30.0, 60.0),
)


class Metrics:
    """One set an application, so that two can live in one process.

    `problems` are the kinds of refusal that a call for a prediction can get, `queue_limit` is how
    many records of a model may be outstanding.
    """

    def __init__(
        self, models: Iterable[str], problems: Iterable[str] = (), queue_limit: int = 0
    ) -> None:
        self.registry = own = CollectorRegistry()
        ProcessCollector(registry=own)
        PlatformCollector(registry=own)
        self.store_calls = shared.store_calls(shared.GATEWAY_CALLS, own)
        self.broker_calls = shared.broker_calls(("publish", "check"), own)
        self.tickets = shared.tickets(own)
        self._count_requests()
        self._count_background()
        self._show_store()
        self._show_models()
        self._shown: dict[str, set[str]] = {}
        self._served: dict[str, str] = {}
        models = tuple(models)
        self._start_at_zero(models, tuple(problems))
        for model in models:
            self.queue_limit.labels(model).set(queue_limit)

    def _counter(self, name: str, words: str, *labels: str) -> Counter:
        return Counter(name, words, labels, registry=self.registry)

    def _gauge(self, name: str, words: str, *labels: str) -> Gauge:
        return Gauge(name, words, labels, registry=self.registry)

    def _count_requests(self) -> None:
        self.requests = self._counter(
            "prediction_requests_total",
            "Requests for a prediction, when first answered.",
            *("source", "model", "outcome"),
        )
        self.timeouts = self._counter(
            "prediction_timeouts_total", "Calls answered 504.", "model", "reason"
        )
        self.refusals = self._counter(
            "prediction_refusals_total",
            "Calls for a prediction that were answered with an error, by the problem's type.",
            *("model", "reason"),
        )
        self.http = Histogram(
            "http_request_duration_seconds",
            "Time to answer.",
            ["method", "route", "status"],
            registry=self.registry,
            buckets=_SECONDS,
        )

    def _count_background(self) -> None:
        self.reaped = self._counter(
            "prediction_reaped_total",
            "Records that this gateway's reaper moved on because their time had come.",
            *("model", "move"),
        )
        self.reclaims = self._counter(
            "prediction_reclaims_total",
            "Records that this gateway's reaper took from a worker whose lease ran out.",
            "model",
        )
        self.purged = self._counter(
            "prediction_purged_total",
            "Records that waited, and that a purge at this gateway ended.",
            "model",
        )
        self.reaper_runs = self._counter(
            "reaper_runs_total",
            "Rounds of the reaper; spared ones were done by another gateway.",
            *("model", "outcome"),
        )
        self.cleanups = self._counter(
            "payload_cleanup_runs_total", "Looks for payloads that nobody needs.", "outcome"
        )
        self.payloads_removed = self._counter(
            "payload_cleanup_removed_total", "Payloads that were removed."
        )

    def _show_store(self) -> None:
        """What the store says, the same at every gateway: never to be added up over them."""
        self.store_up = self._gauge(
            "prediction_store_up", "Whether the store answered this scrape."
        )
        self.broker_up = self._gauge(
            "prediction_broker_up", "Whether the broker answered the last call to it."
        )
        self._counted = {
            name: self._gauge(f"prediction_queue_{name}", words, "model")
            for name, words in _COUNTED.items()
        }
        self._oldest = self._gauge(
            "prediction_queue_oldest_waiting_seconds", "Age of the record that is next.", "model"
        )
        self._paused = self._gauge(
            "prediction_model_paused", "Whether an operator has paused the model.", "model"
        )
        self._workers = self._gauge(
            "prediction_workers", "Live workers by what they do.", "model", "state"
        )
        self._versions = self._gauge(
            "prediction_workers_by_version",
            "Live workers by the version that they hold.",
            *("model", "version"),
        )

    def _show_models(self) -> None:
        self.model_info = self._gauge(
            "prediction_model_info",
            "1 for the version by which this gateway checks requests.",
            *("model", "version"),
        )
        self.canary_percent = self._gauge(
            "prediction_canary_percent",
            "Percentage of the calls for the pool `of` that is drawn for this canary.",
            *("model", "of"),
        )
        self.canary_draws = self._counter(
            "prediction_canary_draws_total",
            "Calls that were drawn for a canary: taken, or why the main pool answers instead.",
            *("model", "outcome"),
        )
        self.queue_limit = self._gauge(
            "prediction_queue_limit", "How many records may be outstanding.", "model"
        )
        self.model_served = self._gauge(
            "prediction_model_served", "Whether this gateway takes predictions for it.", "model"
        )
        self.registry_up = self._gauge(
            "prediction_registry_up",
            "Whether the registry named the model's version when it was last asked.",
            "model",
        )

    def _start_at_zero(self, models: tuple[str, ...], problems: tuple[str, ...]) -> None:
        for model in (*models, UNKNOWN):
            for source in SOURCES:
                for outcome in OUTCOMES:
                    self.requests.labels(source, model, outcome)
            for problem in problems:
                self.refusals.labels(model, problem)
        for model in models:
            for reason in TIMEOUT_REASONS:
                self.timeouts.labels(model, reason)
            for outcome in shared.TICKET_OUTCOMES:
                self.tickets.labels(model, outcome)
            self.reclaims.labels(model)
            self.purged.labels(model)
            for move in REAPED:
                self.reaped.labels(model, move)
            for outcome in RUNS:
                self.reaper_runs.labels(model, outcome)
        for outcome in CLEANUPS:
            self.cleanups.labels(outcome)

    def start_canary(self, pool: str, of: str, percent: float, outcomes: Iterable[str]) -> None:
        """Says what a canary takes, and shows its counters at 0."""
        self.canary_percent.labels(pool, of).set(percent)
        for outcome in outcomes:
            self.canary_draws.labels(pool, outcome)

    def serve(self, model: str, version: str) -> None:
        """Says whether a model is served, and as which version; '' for one that is not."""
        self.model_served.labels(model).set(bool(version))
        before = self._served.get(model, "")
        if before != version:
            if before:
                self.model_info.remove(model, before)
            self._served[model] = version
        if version:
            self.model_info.labels(model, version).set(1)

    def sample(self, model: str, counts: QueueCounts, workers: Iterable[WorkerInfo]) -> None:
        """Sets the gauges of a model's queue and of its workers."""
        for name, gauge in self._counted.items():
            gauge.labels(model).set(getattr(counts, name))
        self._oldest.labels(model).set(counts.oldest_waiting_ms / 1000)
        self._paused.labels(model).set(counts.paused > 0)
        workers = tuple(workers)
        states = Tally(worker.state for worker in workers)
        for state in STATES:
            self._workers.labels(model, state.value).set(states[state])
        held = Tally(worker.version for worker in workers if worker.version)
        for version, count in held.items():
            self._versions.labels(model, version).set(count)
        for version in self._shown.get(model, set()) - held.keys():
            self._versions.remove(model, version)
        self._shown[model] = set(held)

    def forget_samples(self) -> None:
        """Drops what the store said last: an old number would look like a fresh one."""
        shown = (self._oldest, self._paused, self._workers, self._versions)
        for gauge in (*self._counted.values(), *shown):
            gauge.clear()
        self._shown.clear()

    def text(self, accept: str) -> tuple[bytes, str]:
        """Returns all of it in the format that is accepted, and its media type."""
        return shared.exposition(self.registry, accept)
