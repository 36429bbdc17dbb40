"""The table of paths: which handler, and what the OpenAPI page says of its answers."""

from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from app.http import problems, schemas
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
from app.http.predictions import PredictCalls
from app.http.queues_and_workers import QueueAndWorkerCalls
from app.http.tasks import TaskCalls
from inference.errors import PayloadGone, PayloadUnavailable, StoreUnavailable

PREDICTING = ("/predict/", "/predict/async/")
_REFUSED = (400, 408, 413, 415, 422, 503)
Handler = Callable[..., Awaitable[Response]]


def _problem(status: int, kinds: Iterable[problems.ProblemKind]) -> dict[str, Any]:
    titles = [kind.value[2] for kind in kinds if kind.value[1] == status]
    schema = {"schema": {"$ref": "#/components/schemas/ProblemBody"}}
    return {"description": "; or ".join(titles), "content": {problems.MEDIA_TYPE: schema}}


def add(
    app: FastAPI,
    call: str,
    handler: Handler,
    answers: dict[int, type[object]],
    refusals: tuple[int, ...],
    *,
    kinds: Iterable[problems.ProblemKind] = (),
    tagged: bool = False,
    operation_id: str = "",
) -> None:
    """Adds a call such as `GET /livez`.

    It is described by the bodies of its answers and the statuses of its problems.

    `kinds` are an extension's own problems. `tagged` answers have an ETag, so there is a 304 too.
    Clients that are made from the OpenAPI page name the call by its `operation_id`, which the
    handler's class and name give if it is not set.
    """
    method, path = call.split(" ")
    responses: dict[int | str, dict[str, Any]] = {
        code: {"model": body} for code, body in answers.items()
    }
    responses |= {code: _problem(code, (*problems.Kind, *kinds)) for code in refusals}
    if tagged:
        responses[304] = {"description": "What If-None-Match names is still the answer"}
    app.router.add_api_route(
        path,
        handler,
        route_class_override=DirectRoute if path in PREDICTING else None,
        methods=[method],
        response_model=None,
        response_class=Response,
        responses=responses,
        status_code=next(iter(answers), 204),
        operation_id=operation_id or handler.__qualname__.replace("Calls.", "_").lower(),
        summary=path,
    )


def slashed(app: FastAPI) -> list[str]:
    """Returns the paths that are known with a trailing slash."""
    paths = [str(getattr(route, "path", "")) for route in app.routes]
    return [path for path in paths if path.endswith("/")]


def add_predicting(app: FastAPI, calls: PredictCalls, models: ModelCalls) -> None:
    """Predictions and what they are made by."""
    add(
        app,
        "POST /predict/",
        calls.sync,
        {200: schemas.Prediction, 202: schemas.Accepted},
        (*_REFUSED, 409, 410, 500, 504),
    )
    add(app, "POST /predict/async/", calls.background, {202: schemas.Accepted}, _REFUSED)
    add(app, "GET /predict/model/info", models.info, {200: schemas.ModelCard}, (422, 503))


def add_monitoring(app: FastAPI, tasks: TaskCalls, others: QueueAndWorkerCalls) -> None:
    """Tasks, queues, workers."""

    def look(call: str, handler: Handler, answer: type[object], refusals: tuple[int, ...]) -> None:
        add(
            app,
            call,
            handler,
            {200: answer},
            refusals,
            operation_id=f"monitoring_{handler.__name__}",
        )

    look(
        "GET /monitoring/task_status/{task_id}",
        tasks.task_status,
        schemas.TaskStatus,
        (404, 410, 422, 503),
    )
    look("GET /result/{task_id}", tasks.result, schemas.CeleryResult, (404, 410, 422, 503))
    look("GET /monitoring/queues", others.queues, schemas.Queues, (503,))
    look("GET /monitoring/workers", others.workers, schemas.Workers, (503,))


def add_dead_letters(app: FastAPI, calls: DeadLetterCalls) -> None:
    """What failed for good.

    The path that ends in a word comes before the one with an id in its place.
    """
    gone = (404, 409, 410, 503)
    add(app, "GET /dead-letters", calls.page, {200: DeadLetterPage}, (422, 503))
    add(app, "POST /dead-letters/replay", calls.replay_all, {202: ReplayedAll}, _REFUSED)
    add(app, "GET /dead-letters/{task_id}", calls.one, {200: DeadLetterWhole}, gone)
    add(app, "POST /dead-letters/{task_id}/replay", calls.replay, {202: ReplayedOne}, gone)
    add(app, "DELETE /dead-letters/{task_id}", calls.delete, {}, gone)


def add_health(app: FastAPI, calls: HealthCalls) -> None:
    """For Kubernetes and Prometheus."""
    add(app, "GET /livez", calls.live, {200: schemas.Alive}, ())
    add(app, "GET /readyz", calls.ready, {200: schemas.Ready}, (503,))
    app.add_api_route("/metrics", calls.metrics, response_class=Response, include_in_schema=False)


def add_problems(app: FastAPI) -> None:
    """One table from errors to answers."""
    app.add_exception_handler(problems.Problem, problems.on_problem)
    app.add_exception_handler(HTTPException, problems.on_http_error)
    app.add_exception_handler(RequestValidationError, problems.on_validation_error)
    app.add_exception_handler(StoreUnavailable, problems.on_store_unavailable)
    for error in (PayloadUnavailable, PayloadGone):
        app.add_exception_handler(error, problems.on_payload_trouble)
