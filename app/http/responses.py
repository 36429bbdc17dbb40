"""Writes answers: JSON's bytes, and what several answers have in common."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, cast

import orjson
from starlette.responses import Response

from app.http.schemas import EntityKey, TaskError, WorkerWord
from inference.store.messages import WorkerInfo

JSON = "application/json"


def json_response(
    body: object,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
    default: Callable[[Any], Any] | None = None,
) -> Response:
    """Returns an answer's bytes. `default` writes what is no JSON."""
    return Response(orjson.dumps(body, default), status, headers, JSON)


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
    """Returns an error as its record holds it.

    A worker wrote it, with at least these two fields.
    """
    return cast("TaskError | None", error)


def worker_word(worker: WorkerInfo) -> WorkerWord:
    """Returns the state of a live worker; one that is gone is in no list."""
    return cast("WorkerWord", worker.state.value)
