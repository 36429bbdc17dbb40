"""How a task stands: in this service's words, and in Celery's."""

from typing import Annotated

from fastapi import Path, Query
from starlette.responses import Response

from app.http.problems import Kind, Problem
from app.http.request_trace import delivered
from app.http.responses import entity, json_response, rfc3339, task_error
from app.http.schemas import CeleryResult, TaskOutlook, TaskProgress, TaskStatus, UsedModel
from app.predictions import Predictions
from inference.ids import model_of
from inference.records import Record
from inference.states import CELERY_WORDS, PUBLIC_WORDS, State
from inference.telemetry.tracing import Tracing

LONGEST_POLL_S = 60
Wait = Annotated[
    float,
    Query(
        ge=0,
        le=LONGEST_POLL_S,
        allow_inf_nan=False,
        description="Wait for the end so many seconds before answering.",
    ),
]


TaskId = Annotated[str, Path(description="The `task_id` that a submission answered.")]


class TaskCalls:
    """The handlers."""

    def __init__(self, predictions: Predictions, tracing: Tracing) -> None:
        self._predictions = predictions
        self._tracing = tracing

    async def task_status(self, task_id: TaskId, wait: Wait = 0) -> Response:
        """Answers how a task stands; with `wait` once it has ended, or when the time is over."""
        record = _known(await self._predictions.wait(task_id, wait), task_id)
        delivered(self._tracing, record, record.trace)
        return json_response(_status(record))

    async def result(self, task_id: TaskId) -> Response:
        """Answers the same record in Celery's words.

        An id that was never issued is a 404, not PENDING.
        """
        record = _known(await self._predictions.read(task_id), task_id)
        delivered(self._tracing, record, record.trace)
        return json_response(_celery_result(record))


def used_model(record: Record) -> UsedModel:
    """Returns which model a prediction is made by."""
    return {"name": model_of(record.task_id) or "", "version": record.version or None}


def _status(record: Record) -> TaskStatus:
    progress: TaskProgress = {
        "task_id": record.task_id,
        "status": PUBLIC_WORDS[record.state],
        **entity(record.entity_key),
        "model": used_model(record),
        "attempts": record.attempts,
        "request_id": record.request_id or None,
        "created_at": rfc3339(record.created_ms),
        "started_at": rfc3339(record.begun_ms),
        "ended_at": rfc3339(record.ended_ms),
    }
    return {**progress, **_outlook(record)}


def _outlook(record: Record) -> TaskOutlook:
    body: TaskOutlook = {}
    if record.state is State.SUCCESS:
        body["result"], body["run_ms"] = record.result, record.run_ms
    elif (error := task_error(record.error)) is not None:
        body["error"] = error
    if record.state is State.FAILURE:
        body["dead_lettered"] = True
    if record.position is not None:
        body["position"] = record.position
        body["estimated_wait_s"] = (
            None if record.starts_in_ms is None else record.starts_in_ms / 1000
        )
    return body


def _celery_result(record: Record) -> CeleryResult:
    """The same record for those who know AsyncResult.

    `result` is what was returned, or the error.
    """
    result = record.result if record.state is State.SUCCESS else task_error(record.error)
    return {"task_id": record.task_id, "status": CELERY_WORDS[record.state], "result": result}


def _known(record: Record | None, task_id: str) -> Record:
    """Returns the record; raises the 404 or 410 that its absence is."""
    if record is None:
        raise Problem(Kind.UNKNOWN_TASK, "No task has this id")
    if record.state is State.FORGOTTEN:
        raise Problem(Kind.GONE, "The result was dropped after its time", task_id=task_id)
    return record
