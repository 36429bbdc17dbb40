"""The metrics that gateways and workers have in common, under the same names.

Names and units follow Prometheus' conventions ("Metric and label naming"). A `model` label is the
name of a pool.
"""

from collections.abc import Iterable

from prometheus_client import (
    REGISTRY,
    CollectorRegistry,
    Counter,
    Histogram,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.openmetrics import exposition as openmetrics

TICKET_OUTCOMES = ("published", "failed")
GATEWAY_CALLS = (
    *("submit", "watch", "cancel", "replay", "reap", "counts", "workers", "own"),
    *("dead_letter", "dead_letters", "discard_dead_letter", "tickets_published"),
    *("pause", "purge"),
)
WORKER_CALLS = ("claim", "begin", "renew", "settle", "heartbeat", "tickets_published", "own")
"""The store's moves that each program makes, by the names of their scripts."""

# When each series was made, as one more series each: nobody asks for it.
disable_created_metrics()  # type: ignore[no-untyped-call]

_CALL_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)


class CallHistogram:
    """Measures calls by name and outcome (`ok`, `error`), all at 0 from the start."""

    def __init__(
        self, name: str, words: str, calls: Iterable[str], registry: CollectorRegistry = REGISTRY
    ) -> None:
        self._histogram = Histogram(
            name, words, ["call", "outcome"], registry=registry, buckets=_CALL_SECONDS
        )
        self._known = {
            (call, answered): self._series(call, answered)
            for call in calls
            for answered in (True, False)
        }

    def __call__(self, call: str, seconds: float, *, answered: bool) -> None:
        (self._known.get((call, answered)) or self._series(call, answered)).observe(seconds)

    def _series(self, call: str, answered: bool) -> Histogram:
        return self._histogram.labels(call, "ok" if answered else "error")


def store_calls(calls: Iterable[str], registry: CollectorRegistry = REGISTRY) -> CallHistogram:
    """Returns the histogram of calls to the store."""
    return CallHistogram(
        "store_call_duration_seconds",
        "Time until the store answered a call, with the wait for a connection.",
        calls,
        registry,
    )


def broker_calls(calls: Iterable[str], registry: CollectorRegistry = REGISTRY) -> CallHistogram:
    """Returns the histogram of calls to the broker."""
    return CallHistogram(
        "broker_call_duration_seconds", "Time until the broker answered a call.", calls, registry
    )


def exposition(registry: CollectorRegistry, accept: str) -> tuple[bytes, str]:
    """Returns all metrics and their media type.

    That is OpenMetrics for who accepts it, for exemplars are in that format alone; whatever else
    is accepted, it is Prometheus' text. prometheus_client's own choice raises for a version that
    is none.
    """
    if "application/openmetrics-text" in accept:
        text = openmetrics.generate_latest(registry)  # type: ignore[no-untyped-call]
        return text, openmetrics.CONTENT_TYPE_LATEST
    return generate_latest(registry), CONTENT_TYPE_PLAIN_0_0_4


def tickets(registry: CollectorRegistry = REGISTRY) -> Counter:
    """Returns the counter of tickets by model and outcome."""
    return Counter(
        "prediction_tickets_total",
        "Tickets that were put into the broker, and rounds of them that it did not take.",
        ["model", "outcome"],
        registry=registry,
    )
