"""Writes answers: JSON's bytes, and what several answers have in common."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, cast

import orjson
from starlette.responses import Response

from app.http.schemas import EntityKey, PauseWord, RunError, TaskError, WorkerWord
from inference.states import Pause
from inference.store.messages import WorkerInfo

JSON = "application/json"
PAUSE_WORDS: dict[Pause, PauseWord | None] = {
    Pause.OFF: None,
    Pause.KEEP: "keep",
    Pause.REFUSE: "refuse",
}


def json_response(
    body: object, status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    """Returns an answer's bytes."""
    return Response(_json(body), status, headers, JSON)


def _json(body: object) -> bytes:
    """A result may have integers of more than 64 bits, which orjson does not write."""
    try:
        return orjson.dumps(body)
    except TypeError:
        return json.dumps(body, ensure_ascii=False, allow_nan=False).encode()


def rfc3339(ms: int) -> str | None:
    """Returns a time in UTC; None for one that has not come."""
    return (
        datetime.fromtimestamp(ms / 1000, UTC)
        .isoformat(timespec="milliseconds")
        .replace("+00:00", "Z")
        if ms
        else None
    )


def entity(key: int | None) -> EntityKey:
    """Returns the entity key, which an answer has only if its request had one."""
    return {} if key is None else {"match_id": key}


def task_error(error: dict[str, Any] | None) -> TaskError | None:
    """Returns an error as callers get it; the model's traceback is for operators.

    A worker wrote it, with at least the two fields of a `TaskError`.
    """
    told = {name: value for name, value in (error or {}).items() if name != "traceback"}
    return cast("TaskError | None", told or None)


def run_error(error: dict[str, Any] | None) -> RunError | None:
    """Returns an error as its record holds it, for operators."""
    return cast("RunError | None", error)


def worker_word(worker: WorkerInfo) -> WorkerWord:
    """Returns the state of a live worker; one that is gone is in no list."""
    return cast("WorkerWord", worker.state.value)
