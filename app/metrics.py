"""The gateway's metrics.

Labels are few and bounded: models served, route templates, fixed words.
"""

from collections.abc import Iterable

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    generate_latest,
)

from inference.store.messages import QueueCounts

UNKNOWN = "unknown"
SOURCES = ("sync", "async")
OUTCOMES = ("accepted", "joined", "invalid", "refused", "unavailable")
TIMEOUT_REASONS = ("slo", "wait")
_BYTES = ("outstanding_bytes", "dead_letter_bytes")
_SECONDS = (
    0.001,
    0.0025,
    0.005,
    0.01,
    0.025,
    0.05,
    0.1,
    0.25,
    0.5,
    1.0,
    2.5,
    5.0,
    10.0,
    20.0,
    30.0,
    60.0,
)


class Metrics:
    """One set an application, so that two can live in one process."""

    def __init__(self, models: Iterable[str]) -> None:
        self.registry = own = CollectorRegistry()
        ProcessCollector(registry=own)
        PlatformCollector(registry=own)
        self.requests = Counter(
            "prediction_requests_total",
            "Requests for a prediction, when first answered.",
            ["source", "model", "outcome"],
            registry=own,
        )
        self.timeouts = Counter(
            "prediction_timeouts_total", "Calls answered 504.", ["model", "reason"], registry=own
        )
        self.tickets = Counter(
            "prediction_tickets_total",
            "Tickets for the broker.",
            ["model", "outcome"],
            registry=own,
        )
        self.http = Histogram(
            "http_request_duration_seconds",
            "Time to answer.",
            ["method", "route", "status"],
            registry=own,
            buckets=_SECONDS,
        )
        self.store_up = Gauge(
            "prediction_store_up", "Whether the store answered this scrape.", registry=own
        )
        self._queue = {
            name: Gauge(f"prediction_queue_{name}", words, ["model"], registry=own)
            for name, words in {
                "waiting": "Records that wait.",
                "running": "Records that a worker holds.",
                "retry": "Records that failed and are to run again.",
                "outstanding": "Waiting, running and retry together: what the service scales on.",
                "oldest_waiting_seconds": "Age of the record that is next.",
                "dead_letters": "Records that failed for good.",
                "tickets": "How many tickets are in flight, as far as the store knows.",
                "outstanding_bytes": "Bytes of the inputs of all outstanding.",
                "dead_letter_bytes": "Bytes of the inputs of all dead letters.",
                "drift": "By how much outstanding had to be corrected since ever.",
            }.items()
        }
        self.workers = Gauge(
            "prediction_workers", "Live workers by what they do.", ["model", "state"], registry=own
        )
        self._start_at_zero(tuple(models))

    def _start_at_zero(self, models: tuple[str, ...]) -> None:
        for model in (*models, UNKNOWN):
            for source in SOURCES:
                for outcome in OUTCOMES:
                    self.requests.labels(source, model, outcome)
        for model in models:
            for reason in TIMEOUT_REASONS:
                self.timeouts.labels(model, reason)
            for outcome in ("published", "failed"):
                self.tickets.labels(model, outcome)

    def sample(self, model: str, counts: QueueCounts) -> None:
        """Sets the gauges of a model's queue."""
        for name in (
            "waiting",
            "running",
            "retry",
            "outstanding",
            "dead_letters",
            "tickets",
            "drift",
            *_BYTES,
        ):
            self._queue[name].labels(model).set(getattr(counts, name))
        self._queue["oldest_waiting_seconds"].labels(model).set(counts.oldest_waiting_ms / 1000)

    def forget_samples(self) -> None:
        """Drops what the store said last: an old number would look like a fresh one."""
        for gauge in self._queue.values():
            gauge.clear()
        self.workers.clear()

    def text(self) -> bytes:
        """All of it in Prometheus' text format."""
        return generate_latest(self.registry)
