"""The names of spans and their attributes: OpenTelemetry's for messaging, and a few of our own.

No attribute has an input, a result, an owner, or an error's text. docs/tracing.md has the table.
Source: https://opentelemetry.io/docs/specs/semconv/messaging/messaging-spans/
"""

from enum import StrEnum
from functools import cache

from inference.telemetry.tracing import Value


class Operation(StrEnum):
    """What a span of a prediction is about."""

    ACCEPT = "accept"
    WAIT = "wait"
    CLAIM = "claim"
    PREPARE = "prepare"
    RUN = "run"
    SETTLE = "settle"
    DELIVER = "deliver"
    BATCH = "batch"


_TYPES = {
    Operation.ACCEPT: "send",
    Operation.CLAIM: "receive",
    Operation.RUN: "process",
    Operation.BATCH: "process",
    Operation.SETTLE: "settle",
}

TASK_ID = "messaging.message.id"
BATCH_COUNT = "messaging.batch.message_count"
ERROR_TYPE = "error.type"
HTTP_STATUS = "http.response.status_code"
OUTCOME = "inference.outcome"
STATE = "inference.state"
ATTEMPT = "inference.attempt"
VERSION = "inference.model.version"
WORKER = "inference.worker"
ROWS = "inference.batch.rows"
BACK_OFF_S = "inference.retry.back_off_s"

RETRY, RECLAIMED, QUARANTINED = "retry", "reclaimed", "quarantined"
"""Events of a run that ended badly."""


@cache
def span_name(operation: Operation, pool: str) -> str:
    """Returns the name of a span."""
    return f"{operation} {pool}"


def about(operation: Operation, pool: str, task_id: str = "") -> dict[str, Value]:
    """Returns what each span of a prediction has."""
    if task_id:
        return {**_always(operation, pool), TASK_ID: task_id}
    return _always(operation, pool).copy()


@cache
def _always(operation: Operation, pool: str) -> dict[str, Value]:
    attributes: dict[str, Value] = {
        "messaging.system": "inference",
        "messaging.destination.name": pool,
        "messaging.operation.name": operation.value,
    }
    if operation in _TYPES:
        attributes["messaging.operation.type"] = _TYPES[operation]
    return attributes
