"""The worker's metrics.

The child counts, the parent answers /metrics; prometheus_client's files in a shared folder join
them.
"""

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

ENDED = Counter(
    "worker_predictions_total",
    "Records that a claim of this worker ended, by the state they were moved to.",
    ["model", "state"],
)
_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300)
PREPARE_SECONDS = Histogram(
    "worker_prepare_seconds",
    "Time to read, fetch and decode the inputs of a batch.",
    ["model"],
    buckets=_BUCKETS,
)
RUN_SECONDS = Histogram(
    "worker_run_seconds", "Time the model took for a batch.", ["model"], buckets=_BUCKETS
)
BATCH_ROWS = Histogram(
    "worker_batch_rows",
    "Rows that the model ran at once.",
    ["model"],
    buckets=(1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024),
)
HALVED = Counter(
    "worker_batches_halved_total",
    "Batches that did not fit into the device's memory and were run in halves.",
    ["model"],
)
EMPTY_CLAIMS = Counter(
    "worker_empty_claims_total", "Tickets that found nothing waiting.", ["model"]
)


def exposition() -> bytes:
    """Returns all processes' metrics in the text format, version 0.0.4."""
    registry = CollectorRegistry()
    MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return generate_latest(registry)
