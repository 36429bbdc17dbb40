"""The table of paths: which handler, and what the OpenAPI page says of its answers."""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from app.http import model_schemas, problems, schemas
from app.http.dead_letter_schemas import (
    DeadLetterPage,
    DeadLetterWhole,
    ReplayedAll,
    ReplayedOne,
)
from app.http.dead_letters import DeadLetterCalls
from app.http.fast_route import DirectRoute
from app.http.health import HealthCalls
from app.http.models import ModelCalls
from app.http.operation import Operation
from app.http.operations import OPERATIONS
from app.http.pauses import PauseCalls
from app.http.predictions import PredictCalls
from app.http.problem_examples import problem_answers
from app.http.problems import Kind
from app.http.purges import PurgeCalls
from app.http.queues_and_workers import QueueAndWorkerCalls
from app.http.tasks import TaskCalls
from inference.errors import PayloadGone, PayloadUnavailable, StoreUnavailable

PREDICTING = ("/predict/", "/predict/async/")
_BODY = (Kind.BAD_REQUEST, Kind.SLOW, Kind.TOO_LARGE, Kind.MEDIA, Kind.INVALID)
_TAKING = (
    *(Kind.KEY_CONFLICT, Kind.UNAVAILABLE, Kind.UNSERVED, Kind.BUSY, Kind.PAYLOADS),
    *(Kind.FULL, Kind.PAUSED),
)
_ENDS = (
    Kind.INVALID_INPUT,
    Kind.ENDED_OTHERWISE,
    Kind.GONE,
    Kind.FAILED,
    Kind.INTERNAL,
    Kind.NOT_IN_TIME,
    Kind.STOPPING,
    Kind.TOO_LATE,
)
_TASK = (Kind.UNKNOWN_TASK, Kind.GONE, Kind.UNAVAILABLE, Kind.PAYLOADS)
Handler = Callable[..., Awaitable[Response]]


def add(
    app: FastAPI,
    call: str,
    handler: Handler,
    answers: Mapping[int, type[object] | None],
    refusals: Iterable[problems.ProblemKind],
    *,
    shown: Operation | None = None,
    tagged: bool = False,
) -> None:
    """Adds a call such as `GET /livez`.

    It is described by the bodies of its answers, the problems that it may be refused with, and by
    `shown`, which an extension gives for each of its calls. `tagged` answers have an ETag, so there
    is a 304 too.
    """
    method, path = call.split(" ")
    shown = shown or OPERATIONS[call]
    app.state.operations = getattr(app.state, "operations", {}) | {(method.lower(), path): shown}
    responses: dict[int | str, dict[str, Any]] = {
        status: ({"model": body} if body else {}) | {"description": shown.answers[status].words}
        for status, body in answers.items()
    }
    responses.update(problem_answers(refusals, path))
    if tagged:
        responses[304] = {"description": "What If-None-Match names is still the answer."}
    app.router.add_api_route(
        path,
        handler,
        route_class_override=DirectRoute if path in PREDICTING else None,
        methods=[method],
        response_model=None,
        response_class=Response,
        responses=responses,
        status_code=next(iter(answers)),
        operation_id=shown.id,
        tags=[shown.tag],
        summary=shown.summary,
        description=shown.description,
    )


def slashed(app: FastAPI) -> list[str]:
    """Returns the paths that are known with a trailing slash."""
    paths = [str(getattr(route, "path", "")) for route in app.routes]
    return [path for path in paths if path.endswith("/")]


def add_predicting(app: FastAPI, calls: PredictCalls, models: ModelCalls) -> None:
    """Predictions and what they are made by."""
    taken = (*_BODY, *_TAKING)
    ends = {200: schemas.Prediction, 202: schemas.Accepted}
    add(app, "POST /predict/", calls.sync, ends, (*taken, *_ENDS))
    add(app, "POST /predict/async/", calls.background, {202: schemas.Accepted}, taken)
    unserved = (Kind.INVALID, Kind.UNSERVED, Kind.UNAVAILABLE)
    add(app, "GET /predict/model/info", models.info, {200: schemas.ModelCard}, unserved)
    add(app, "GET /models", models.listed, {200: model_schemas.ModelList}, (Kind.UNAVAILABLE,))


def add_pauses(app: FastAPI, calls: PauseCalls, purges: PurgeCalls) -> None:
    """For operators."""
    refused = (Kind.NOT_FOUND, Kind.INVALID, Kind.UNAVAILABLE)
    paused = {200: schemas.PausedModel}
    add(app, "POST /models/{model}/pause", calls.pause, paused, refused)
    add(app, "POST /models/{model}/resume", calls.resume, paused, refused)
    add(app, "POST /models/{model}/purge", purges.purge, {200: schemas.PurgedQueue}, refused)


def add_monitoring(app: FastAPI, tasks: TaskCalls, others: QueueAndWorkerCalls) -> None:
    """Tasks, queues, workers."""
    status, result = "/monitoring/task_status/{task_id}", "/result/{task_id}"
    waits = (*_TASK, Kind.INVALID)
    add(app, f"GET {status}", tasks.task_status, {200: schemas.TaskStatus}, waits)
    add(app, f"GET {result}", tasks.result, {200: schemas.CeleryResult}, _TASK)
    away = (Kind.UNAVAILABLE,)
    add(app, "GET /monitoring/queues", others.queues, {200: schemas.QueueList}, away)
    add(app, "GET /monitoring/workers", others.workers, {200: schemas.WorkerList}, away)


def add_dead_letters(app: FastAPI, calls: DeadLetterCalls) -> None:
    """What failed for good.

    The path that ends in a word comes before the one with an id in its place.
    """
    one = "/dead-letters/{task_id}"
    gone, chosen = (*_TASK, Kind.NOT_DEAD), (*_BODY, Kind.UNAVAILABLE)
    listed = (Kind.INVALID, Kind.UNAVAILABLE)
    add(app, "GET /dead-letters", calls.page, {200: DeadLetterPage}, listed)
    add(app, "POST /dead-letters/replay", calls.replay_all, {202: ReplayedAll}, chosen)
    add(app, f"GET {one}", calls.one, {200: DeadLetterWhole}, gone)
    add(app, f"POST {one}/replay", calls.replay, {202: ReplayedOne}, gone)
    add(app, f"DELETE {one}", calls.delete, {204: None}, gone)


def add_health(app: FastAPI, calls: HealthCalls) -> None:
    """For Kubernetes and Prometheus."""
    add(app, "GET /livez", calls.live, {200: schemas.Alive}, ())
    add(app, "GET /readyz", calls.ready, {200: schemas.Ready}, (Kind.UNAVAILABLE,))
    app.add_api_route("/metrics", calls.metrics, response_class=Response, include_in_schema=False)


def add_problems(app: FastAPI) -> None:
    """One table from errors to answers."""
    app.add_exception_handler(problems.Problem, problems.on_problem)
    app.add_exception_handler(HTTPException, problems.on_http_error)
    app.add_exception_handler(RequestValidationError, problems.on_validation_error)
    app.add_exception_handler(StoreUnavailable, problems.on_store_unavailable)
    for error in (PayloadUnavailable, PayloadGone):
        app.add_exception_handler(error, problems.on_payload_trouble)
