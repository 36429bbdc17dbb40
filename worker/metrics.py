"""The worker's metrics. docs/metrics.md says how to add them up.

The child counts, and so does the parent; the parent answers /metrics. prometheus_client's files in
a shared folder join what the two count. Present states (`worker.exposition`) are read at the
scrape.
"""

from prometheus_client import Counter, Histogram

from inference import metrics as shared
from inference.broker.ticket import NoTicket
from inference.states import State
from inference.store.messages import STALE, WorkerState

INVALID = "invalid_input"
ENDS = ("success", "failure", "retry", "waiting", STALE, INVALID)
REASONS = (
    *("model_error", INVALID, "device_error", "payload_unavailable", "payload_gone"),
    *("timeout", "worker_lost"),
)
QUARANTINED = "quarantined"
FAILED_TO = (State.FAILURE.value, State.RETRY.value, QUARANTINED)
WORKER_STATES = (WorkerState.LOADING, WorkerState.IDLE, WorkerState.BUSY, WorkerState.DRAINING)
RESTARTS = ("died", "stopped", "memory", "version")
PHASES = ("process", "registry", "download", "imports", "load", "warm_up")

_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300)
_LONG = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800, 3600)
_SIZES = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)

STORE_CALLS = shared.store_calls(shared.WORKER_CALLS)
BROKER_CALLS = shared.broker_calls(("publish",))
TICKETS = shared.tickets()

ENDED = Counter(
    "worker_predictions_total",
    "Records that a claim of this worker ended, by the state they were moved to, or invalid_input"
    " where the caller is to blame for the failure.",
    ["model", "state"],
)
FAILURES = Counter(
    "prediction_failures_total",
    "Runs that ended badly, by the error's type and by what became of the record.",
    ["model", "reason", "outcome"],
)
QUEUE_SECONDS = Histogram(
    "prediction_queue_seconds",
    "Time from acceptance to the first claim.",
    ["model"],
    buckets=_LONG,
)
RESULT_SECONDS = Histogram(
    "prediction_time_to_result_seconds",
    "Time from acceptance to the result or the final error.",
    ["model", "state"],
    buckets=_LONG,
)
ASSEMBLY_SECONDS = Histogram(
    "worker_batch_assembly_seconds",
    "Time from a ticket to the batch that it got, with the wait for a fuller one.",
    ["model"],
    buckets=_BUCKETS,
)
PREPARE_SECONDS = Histogram(
    "worker_prepare_seconds",
    "Time to read, fetch and decode the inputs of a batch.",
    ["model"],
    buckets=_BUCKETS,
)
RUN_SECONDS = Histogram(
    "worker_run_seconds",
    "Time the model took for a batch: its sum is how long the device was busy.",
    ["model"],
    buckets=_BUCKETS,
)
BATCH_ROWS = Histogram(
    "worker_batch_rows", "Rows that the model ran at once.", ["model"], buckets=_SIZES
)
BATCH_RECORDS = Histogram(
    "worker_batch_records", "Predictions that the model ran at once.", ["model"], buckets=_SIZES
)
HALVED = Counter(
    "worker_batches_halved_total",
    "Batches that did not fit into the device's memory and were run in halves.",
    ["model"],
)
EMPTY_CLAIMS = Counter(
    "worker_empty_claims_total", "Tickets that found nothing waiting.", ["model"]
)
LEASES_LOST = Counter(
    "worker_leases_lost_total", "Claims that others took over while they ran here.", ["model"]
)
DROPPED = Counter(
    "worker_tickets_dropped_total",
    "Messages of the queue that were no tickets, by what was wrong with them.",
    ["model", "reason"],
)
STATE_SECONDS = Counter(
    "worker_state_seconds_total", "How long this worker was in each state.", ["model", "state"]
)
START_SECONDS = Histogram(
    "worker_start_seconds",
    "How long each part of the start of a model's process took.",
    ["model", "phase"],
    buckets=_BUCKETS,
)
COLD_START_SECONDS = Histogram(
    "worker_cold_start_seconds",
    "Age of the oldest prediction in a new worker's first batch, if it was there before the worker."
    " A caller waits so long where there is no worker, or too few.",
    ["model"],
    buckets=_LONG,
)
RESTARTED = Counter(
    "worker_child_restarts_total",
    "Processes of the model that were replaced, by cause.",
    ["model", "cause"],
)


def start_at_zero(model: str) -> None:
    """Makes each series that can come, so that the first event is an increase."""
    for metric in (
        *(QUEUE_SECONDS, ASSEMBLY_SECONDS, PREPARE_SECONDS, RUN_SECONDS, BATCH_ROWS),
        *(BATCH_RECORDS, COLD_START_SECONDS),
    ):
        metric.labels(model)
    for counter in (HALVED, EMPTY_CLAIMS, LEASES_LOST):
        counter.labels(model)
    for outcome in shared.TICKET_OUTCOMES:
        TICKETS.labels(model, outcome)
    for end in ENDS:
        ENDED.labels(model, end)
    for state in (State.SUCCESS, State.FAILURE):
        RESULT_SECONDS.labels(model, state.value)
    for reason in REASONS:
        for outcome in FAILED_TO:
            FAILURES.labels(model, reason, outcome)
    for worker_state in WORKER_STATES:
        STATE_SECONDS.labels(model, worker_state.value)
    for phase in PHASES:
        START_SECONDS.labels(model, phase)
    for wrong in NoTicket:
        DROPPED.labels(model, wrong.value)
    for cause in RESTARTS:
        RESTARTED.labels(model, cause)


def count_end(model: str, word: str, reason: str = "", *, mistake: bool = False) -> None:
    """Counts how a claim let go of a record.

    `word` is what the store answered, `reason` the type of the error where the run ended badly.
    With `mistake` a caller is to blame for good.
    """
    ENDED.labels(model, INVALID if mistake else word).inc()
    outcome = QUARANTINED if word == State.WAITING else word
    if reason and outcome in FAILED_TO:
        FAILURES.labels(model, reason, outcome).inc()
