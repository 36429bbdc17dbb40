"""What the OpenAPI page says of problems: when one is answered, and an example of each."""

import re
from collections.abc import Iterable
from typing import Any

from app.http.operations import TASK
from app.http.problems import MEDIA_TYPE, Kind, ProblemKind, status_url

_TASK: dict[str, Any] = {"task_id": TASK, "status_url": status_url(TASK)}
_DETAILS: dict[ProblemKind, str] = {
    Kind.BAD_REQUEST: "The body is not JSON: unexpected character at byte 12",
    Kind.UNKNOWN_TASK: "No task has this id",
    Kind.NOT_DEAD: "The task is no dead letter: it is success",
    Kind.ENDED_OTHERWISE: "The prediction's time to start ran out",
    Kind.GONE: "The result was dropped after its time",
    Kind.TOO_LARGE: "The body has more than 16777216 bytes",
    Kind.INVALID: "features.age must be a finite number",
    Kind.INVALID_INPUT: "The model knows no customer of this id",
    Kind.KEY_CONFLICT: "Idempotency-Key was used with another body before",
    Kind.FAILED: "ValueError: could not convert string to float",
    Kind.UNAVAILABLE: "The store does not answer",
    Kind.UNSERVED: "churn can't be served now: it has no signature of its inputs",
    Kind.FULL: "As much is waiting as may be",
    Kind.NOT_IN_TIME: "By what the workers do now it would not be done within the wait",
    Kind.STOPPING: "Ask for the task at another gateway",
    Kind.TOO_LATE: "There is no result after 30 s; ask for the task",
}
_MEMBERS: dict[ProblemKind, dict[str, Any]] = {
    Kind.INVALID: {"errors": [{"field": "features.age", "message": "must be a finite number"}]},
    Kind.KEY_CONFLICT: {
        "errors": [{"field": "Idempotency-Key", "message": "was used with another body before"}]
    },
    Kind.NOT_DEAD: {"task_id": TASK},
    Kind.GONE: {"task_id": TASK},
    Kind.ENDED_OTHERWISE: _TASK
    | {
        "error": {"type": "expired", "message": _DETAILS[Kind.ENDED_OTHERWISE]},
        "attempts": 0,
    },
    Kind.INVALID_INPUT: _TASK
    | {
        "error": {"type": "invalid_input", "message": _DETAILS[Kind.INVALID_INPUT]},
        "attempts": 1,
    },
    Kind.FAILED: _TASK
    | {"error": {"type": "model_error", "message": _DETAILS[Kind.FAILED]}, "attempts": 3},
    Kind.STOPPING: _TASK,
    Kind.TOO_LATE: _TASK,
}


def problem_answers(kinds: Iterable[ProblemKind], path: str) -> dict[int | str, dict[str, Any]]:
    """Returns the page's answer of each status that these kinds have."""
    by_status: dict[int | str, list[ProblemKind]] = {}
    for kind in kinds:
        by_status.setdefault(kind.value[1], []).append(kind)
    return {status: _answer(some, path) for status, some in by_status.items()}


def _answer(kinds: list[ProblemKind], path: str) -> dict[str, Any]:
    content = {
        "schema": {"$ref": "#/components/schemas/ProblemBody"},
        "examples": {
            kind.value[0]: {"summary": kind.value[2], "value": _example(kind, path)}
            for kind in kinds
        },
    }
    if len(kinds) == 1:
        words = f"{kinds[0].value[2]}."
    else:
        lines = [f"- `{kind.value[0]}`: {kind.value[2]}" for kind in kinds]
        words = "\n".join(["One of these, by the end of its `type`:", "", *lines])
    return {"description": words, "content": {MEDIA_TYPE: content}}


def _example(kind: ProblemKind, path: str) -> dict[str, Any]:
    name, status, title = kind.value
    return {
        "type": f"urn:inference:{name}",
        "title": title,
        "status": status,
        "detail": _DETAILS.get(kind, title),
        "instance": re.sub(r"\{\w+\}", "1", path.replace("{task_id}", TASK)),
    } | _MEMBERS.get(kind, {})
