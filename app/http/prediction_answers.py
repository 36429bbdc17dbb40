"""What a submission is answered: a result, a 202, or the problem that it was.

`app.http.predictions` calls these once the store has spoken.
"""

import math

from starlette.responses import Response

from app.http.problems import Kind, Problem, about_task, invalid, status_url
from app.http.request_headers import WaitPreference
from app.http.responses import entity, json_response, task_error
from app.http.schemas import Accepted, Prediction, TaskError
from app.http.tasks import used_model
from inference.field_errors import FieldError
from inference.records import Record
from inference.states import PUBLIC_WORDS, State
from inference.store.messages import SubmitAnswer, Submitted

UNKNOWN_RETRY_S, MOST_RETRY_S = 30, 600
_NOT_RUN = {
    State.CANCELLED: "The prediction was cancelled",
    State.EXPIRED: "The prediction's time to start ran out",
}


def conflict_problem() -> Problem:
    """Returns the problem of a key that came with another body before."""
    error = FieldError("Idempotency-Key", "was used with another body before")
    return Problem(
        Kind.KEY_CONFLICT,
        f"{error.field} {error.message}",
        errors=invalid([error]).members["errors"],
    )


def refusal_problem(answer: SubmitAnswer) -> Problem:
    """Returns the problem of a refused submission, with Retry-After.

    Retry-After is when there should be room by the measured rate; where nobody knows, half a
    minute.
    """
    seconds = (
        min(MOST_RETRY_S, max(1, math.ceil(answer.retry_after_ms / 1000)))
        if answer.retry_after_ms >= 0
        else UNKNOWN_RETRY_S
    )
    headers = {"Retry-After": str(seconds)}
    if answer.kind is Submitted.LATE:
        return Problem(
            Kind.NOT_IN_TIME,
            "By what the workers do now it would not be done within the wait",
            headers,
        )
    if answer.kind is Submitted.PAUSED:
        return Problem(Kind.PAUSED, "An operator paused the model; try again later", headers)
    return Problem(Kind.FULL, "As much is waiting as may be", headers)


def answer_of_end(record: Record, wish: WaitPreference) -> Response:
    """Answers the result of a prediction that has ended; raises the `Problem` of a bad end."""
    headers = wish.applied(False)
    if record.state is not State.SUCCESS:
        raise _bad_end(record, headers)
    body: Prediction = {
        "task_id": record.task_id,
        "status": PUBLIC_WORDS[record.state],
        **entity(record.entity_key),
        "result": record.result,
        "model": used_model(record),
        "queue_ms": max(0, record.begun_ms - record.created_ms),
        "run_ms": record.run_ms,
    }
    return json_response(body, 200, headers)


def _bad_end(record: Record, headers: dict[str, str]) -> Problem:
    """Returns what a sync call gets for a prediction that ended without a result."""
    if record.state is State.FORGOTTEN:
        return Problem(
            Kind.GONE, "The result was dropped after its time", headers, task_id=record.task_id
        )
    error: TaskError
    if record.state in _NOT_RUN:
        kind, error = Kind.ENDED_OTHERWISE, _not_run(record)
    else:
        error = task_error(record.error) or {"type": "unknown", "message": "The prediction failed"}
        kind = Kind.INVALID_INPUT if error.get("type") == "invalid_input" else Kind.FAILED
    detail = str(error.get("message", ""))
    return about_task(kind, detail, record.task_id, headers, error=error, attempts=record.attempts)


def _not_run(record: Record) -> TaskError:
    """A purge says why; a cancelled record may have the error of a run before."""
    if record.error and record.error.get("type") == "purged":
        return {"type": "purged", "message": str(record.error.get("message", ""))}
    return {"type": record.state.value, "message": _NOT_RUN[record.state]}


def accepted_answer(task_id: str, state: State, wish: WaitPreference) -> Response:
    """Answers 202, and where to ask for the task."""
    url = status_url(task_id)
    body: Accepted = {"task_id": task_id, "status": PUBLIC_WORDS[state], "status_url": url}
    return json_response(body, 202, {"Location": url, "Retry-After": "1"} | wish.applied(True))
