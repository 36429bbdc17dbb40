"""Every error as application/problem+json (RFC 9457).

`type` is a name that programs may test; `detail` is for people.
"""

from collections.abc import Iterable
from enum import Enum
from typing import Unpack

import orjson
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from app.http.schemas import BadEnd, ProblemBody, ProblemMembers, WrongField
from inference.errors import PayloadGone, PayloadUnavailable, StoreUnavailable
from inference.field_errors import FieldError

MEDIA_TYPE = "application/problem+json"


class ProblemKind(Enum):
    """What can be wrong: the name in `type`, the status and the title.

    An extension has an enumeration of its own.
    """


class Kind(ProblemKind):
    """What can be wrong with the gateway's own calls."""

    BAD_REQUEST = ("bad-request", 400, "The request can't be read")
    NOT_FOUND = ("not-found", 404, "There is nothing here")
    UNKNOWN_TASK = ("unknown-task", 404, "No such task")
    METHOD = ("method-not-allowed", 405, "This path does not take that method")
    NOT_DEAD = ("not-a-dead-letter", 409, "The task is no dead letter")
    ENDED_OTHERWISE = ("not-run", 409, "The prediction was ended before it ran")
    GONE = ("result-dropped", 410, "The result is no longer kept")
    SLOW = ("body-too-slow", 408, "The body did not come in time")
    TOO_LARGE = ("body-too-large", 413, "The body is too large")
    MEDIA = ("unsupported-media-type", 415, "The body must be JSON")
    INVALID = ("invalid-request", 422, "The request is not valid")
    INVALID_INPUT = ("invalid-input", 422, "The model can't predict on this input")
    KEY_CONFLICT = (
        "idempotency-key-reused",
        422,
        "The idempotency key came with another body before",
    )
    FAILED = ("prediction-failed", 500, "The prediction failed")
    INTERNAL = ("internal-error", 500, "The service failed")
    UNAVAILABLE = ("unavailable", 503, "The service can't take this now")
    UNSERVED = ("model-unavailable", 503, "The model can't be served now")
    BUSY = ("receiving-full", 503, "Too much is being received")
    PAYLOADS = ("payloads-unavailable", 503, "Large inputs and results can't be kept or read now")
    FULL = ("backlog-full", 503, "The backlog is full")
    PAUSED = ("model-paused", 503, "The model is paused")
    NOT_IN_TIME = ("not-in-time", 503, "The backlog is too long for a caller who waits")
    STOPPING = ("stopping", 503, "This gateway is stopping; the work goes on")
    TOO_LATE = ("not-done-in-time", 504, "The prediction is not done yet; the work goes on")


_BY_STATUS = {
    kind.value[1]: kind
    for kind in (
        Kind.BAD_REQUEST,
        Kind.NOT_FOUND,
        Kind.METHOD,
        Kind.TOO_LARGE,
        Kind.MEDIA,
        Kind.INVALID,
    )
}
AGAIN_S = {503: "2", 504: "1"}


class Problem(Exception):
    """An answer that is an error. `members` are RFC 9457's extension members, such as `task_id`."""

    def __init__(
        self,
        kind: ProblemKind,
        detail: str,
        headers: dict[str, str] | None = None,
        **members: Unpack[ProblemMembers],
    ) -> None:
        super().__init__(detail)
        self.kind = kind
        self.headers = dict(headers or {})
        self.members = members

    @property
    def name(self) -> str:
        """The last part of its `type`."""
        return str(self.kind.value[0])

    def response(self, path: str) -> Response:
        """Returns the answer to a request of that path."""
        _, status, title = self.kind.value
        body: ProblemBody = {
            "type": f"urn:inference:{self.name}",
            "title": title,
            "status": status,
            "detail": str(self),
            "instance": path,
            **self.members,
        }
        if status in AGAIN_S:
            self.headers.setdefault("Retry-After", AGAIN_S[status])
        return Response(orjson.dumps(body), status, self.headers, MEDIA_TYPE)


def status_url(task_id: str) -> str:
    """Returns where a task is asked for."""
    return f"/monitoring/task_status/{task_id}"


def about_task(
    kind: Kind,
    detail: str,
    task_id: str,
    headers: dict[str, str] | None = None,
    **end: Unpack[BadEnd],
) -> Problem:
    """Returns a problem that names its task."""
    return Problem(kind, detail, headers, task_id=task_id, status_url=status_url(task_id), **end)


def invalid(errors: list[FieldError]) -> Problem:
    """Returns the 422 that names each field."""
    first = errors[0]
    more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
    wrong: list[WrongField] = [{"field": error.field, "message": error.message} for error in errors]
    return Problem(Kind.INVALID, f"{first.field} {first.message}{more}", errors=wrong)


def unknown_model(served: Iterable[str]) -> Problem:
    """Returns the 422 for a model that is not served."""
    return invalid([FieldError("model", f"must be one of the models served: {', '.join(served)}")])


def unserved_model(pool: str, reason: str) -> Problem:
    """Returns the 503 for a model of this gateway's that can't be served now; others can."""
    return Problem(Kind.UNSERVED, f"{pool} can't be served now: {reason}", {"Retry-After": "30"})


async def on_problem(request: Request, error: Exception) -> Response:
    """For what a handler raised."""
    assert isinstance(error, Problem)
    return error.response(request.url.path)


async def on_http_error(request: Request, error: Exception) -> Response:
    """For what the router says: no such path, no such method."""
    assert isinstance(error, HTTPException)
    kind = _BY_STATUS.get(
        error.status_code, Kind.INTERNAL if error.status_code >= 500 else Kind.BAD_REQUEST
    )
    return Problem(kind, str(error.detail), dict(error.headers or {})).response(request.url.path)


async def on_validation_error(request: Request, error: Exception) -> Response:
    """For parameters of the address that don't fit."""
    assert isinstance(error, RequestValidationError)
    errors = [
        FieldError(str(e["loc"][-1]), str(e["msg"]).replace("Input should", "should"))
        for e in error.errors()
    ]
    return invalid(errors).response(request.url.path)


async def on_store_unavailable(request: Request, error: Exception) -> Response:
    """For whatever could only read."""
    assert isinstance(error, StoreUnavailable)
    return Problem(Kind.UNAVAILABLE, f"The store does not answer: {error}").response(
        request.url.path
    )


def payload_trouble(error: PayloadUnavailable | PayloadGone) -> Problem:
    """Returns what a large input or result is answered with that can't be had."""
    return Problem(Kind.GONE if isinstance(error, PayloadGone) else Kind.PAYLOADS, str(error))


async def on_payload_trouble(request: Request, error: Exception) -> Response:
    """For a result that is kept elsewhere."""
    assert isinstance(error, PayloadUnavailable | PayloadGone)
    return payload_trouble(error).response(request.url.path)
