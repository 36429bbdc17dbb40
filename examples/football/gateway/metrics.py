"""The metrics of the look-ups."""

from prometheus_client import CollectorRegistry, Gauge


class LookupMetrics:
    """Describes the file of scored matches that is served, while it is a good one."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.matches = Gauge(
            "prediction_matches",
            "Scored matches to look up; 0 without a good file.",
            registry=registry,
        )
        self.written = Gauge(
            "prediction_matches_written_timestamp_seconds",
            "When their file was written; 0 without a good one.",
            registry=registry,
        )
