"""A record as the public reads it."""

from datetime import UTC, datetime
from typing import Any

from app.api.problems import Kind, Problem, about_task
from app.contract.ids import model_of
from app.contract.record import Record
from app.contract.states import CELERY_WORDS, PUBLIC_WORDS, State

_NOT_RUN = {State.CANCELLED: "The prediction was cancelled", State.EXPIRED: "The prediction's time to start ran out"}


def rfc3339(ms: int) -> str | None:
    """Returns a time in UTC; None for one that has not come."""
    return datetime.fromtimestamp(ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z") if ms else None


def _model(record: Record) -> dict[str, str | None]:
    return {"name": model_of(record.task_id), "version": record.version or None}


def entity(key: int | None) -> dict[str, int]:
    """Returns the entity key as an answer has it: under the name that the request gave it, and not at all where it gave none."""
    return {} if key is None else {"match_id": key}


def prediction(record: Record) -> dict[str, Any]:
    """The 200 of a sync call."""
    return {
        "task_id": record.task_id,
        "status": PUBLIC_WORDS[record.state],
        **entity(record.entity_key),
        "result": record.result,
        "model": _model(record),
        "queue_ms": max(0, record.begun_ms - record.created_ms),
        "run_ms": record.run_ms,
    }


def status(record: Record) -> dict[str, Any]:
    """The status of a task."""
    body: dict[str, Any] = {
        "task_id": record.task_id,
        "status": PUBLIC_WORDS[record.state],
        **entity(record.entity_key),
        "model": _model(record),
        "attempts": record.attempts,
        "created_at": rfc3339(record.created_ms),
        "started_at": rfc3339(record.begun_ms),
        "ended_at": rfc3339(record.ended_ms),
    }
    if record.state is State.SUCCESS:
        body |= {"result": record.result, "run_ms": record.run_ms}
    elif record.error is not None:
        body["error"] = record.error
    if record.state is State.FAILURE:
        body["dead_lettered"] = True
    if record.position is not None:
        body["position"] = record.position
        body["estimated_wait_s"] = None if record.starts_in_ms is None else record.starts_in_ms / 1000
    return body


def celery_result(record: Record) -> dict[str, Any]:
    """The same record for those who know AsyncResult: `result` is what was returned, or the error."""
    result = record.result if record.state is State.SUCCESS else record.error
    return {"task_id": record.task_id, "status": CELERY_WORDS[record.state], "result": result}


def known(record: Record | None, task_id: str) -> Record:
    """Returns the record; raises the 404 or 410 that its absence is."""
    if record is None:
        raise Problem(Kind.UNKNOWN_TASK, "No task has this id")
    if record.state is State.FORGOTTEN:
        raise Problem(Kind.GONE, "The result was dropped after its time", task_id=task_id)
    return record


def bad_end(record: Record, headers: dict[str, str]) -> Problem:
    """Returns what a sync call gets for a prediction that ended without a result."""
    if record.state is State.FORGOTTEN:
        return Problem(Kind.GONE, "The result was dropped after its time", headers, task_id=record.task_id)
    if record.state in _NOT_RUN:
        kind, error = Kind.ENDED_OTHERWISE, {"type": record.state.value, "message": _NOT_RUN[record.state]}
    else:
        error = record.error or {"type": "unknown", "message": "The prediction failed"}
        kind = Kind.INVALID_INPUT if error.get("type") == "invalid_input" else Kind.FAILED
    detail = str(error.get("message", ""))
    return about_task(kind, detail, record.task_id, headers, error=error, attempts=record.attempts)
