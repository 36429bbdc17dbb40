"""The OpenAPI page, with what FastAPI can't know.

That is the bodies and results of predictions, made from the registered signatures, and an example
of each answer.
"""

from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import TypeAdapter

from app.http.dead_letters import ReplayFilter
from app.http.openapi_models import (
    any_of,
    body_examples,
    body_name,
    describe_models,
    result_examples,
)
from app.http.operation import Operation
from app.http.operations import INTRODUCTION, PREDICTION, STATUS, TAGS
from app.http.request_headers import LONGEST_KEY
from app.http.routes import PREDICTING
from app.http.schemas import ProblemBody
from app.model_version import Registered
from app.served_models import Registry
from inference.ids import MODEL_NAME

Page = dict[str, Any]
_PREFER = "RFC 7240: `wait=5` waits less than the service would, `respond-async` takes a 202."
_KEY_PATTERN = r'^(?:"(?:[ !#-\[\]-~]|\\["\\])+"|[!#-~](?:[ !#-~]*[!#-~])?)$'
_KEY = "The same key and body give the same task; another body is a 422."
_JSON = "application/json"
_FASTAPIS = ("HTTPValidationError", "ValidationError")


def describe(app: FastAPI, registry: Registry, longest_to_start_s: float) -> Page:
    """Returns the document for the versions served now.

    A model that can't be served has no body in it: nobody knows which.
    """
    tags = {shown.tag for shown in app.state.operations.values()}
    page = get_openapi(
        title=app.title,
        version=app.version,
        description=INTRODUCTION,
        routes=app.routes,
        tags=[*TAGS, *({"name": name} for name in sorted(tags - {one["name"] for one in TAGS}))],
    )
    schemas = page.setdefault("components", {}).setdefault("schemas", {})
    problem = TypeAdapter(ProblemBody).json_schema(ref_template="#/components/schemas/{model}")
    schemas |= problem.pop("$defs", {}) | {"ProblemBody": problem}
    _take_out_fastapis(page)
    _untitled(schemas)
    # In the order of MODEL_URIS, whichever of them was read first: the page stays the same.
    served = {name: registry.models[name] for name in registry.uris if name in registry.models}
    describe_models(
        schemas,
        served,
        default=registry.default,
        every=len(served) == len(registry.uris),
        longest_to_start_s=longest_to_start_s,
    )
    _describe_predicting(page, served)
    _describe_filters(page, registry)
    info = page["paths"]["/predict/model/info"]["get"]["parameters"][0]
    info["schema"] = {"type": "string", "enum": registry.names}
    _show_examples(page, app.state.operations)
    answers = (
        ("/predict/", "post", PREDICTION),
        ("/monitoring/task_status/{task_id}", "get", STATUS),
    )
    for path, method, example in answers:
        content = page["paths"][path][method]["responses"]["200"]["content"]
        content[_JSON]["examples"] = result_examples(schemas, served, example)
    return page


def _describe_predicting(page: Page, served: Mapping[str, Registered]) -> None:
    schema = any_of([body_name(model) for model in served.values()]) if served else _NONE_SERVED
    content = {_JSON: {"schema": schema, "examples": body_examples(served)}}
    for path in PREDICTING:
        call = page["paths"][path]["post"]
        call["requestBody"] = {"required": True, "content": content}
        call["parameters"] = [
            _header("Idempotency-Key", _KEY, maxLength=LONGEST_KEY, pattern=_KEY_PATTERN),
            _header("Cache-Control", "`no-cache` asks for a new run."),
        ]
    page["paths"]["/predict/"]["post"]["parameters"].append(_header("Prefer", _PREFER))


_NONE_SERVED = {"type": "object", "description": "No model can be served now: /readyz says why."}


def _describe_filters(page: Page, registry: Registry) -> None:
    """What pydantic can't know: `before` is a page's `next` or a moment."""
    before = {
        "anyOf": [
            {"type": "string", "pattern": f"^[0-9]{{1,15}}-{MODEL_NAME.pattern}-[0-9a-f]{{32}}$"},
            {"type": "string", "format": "date-time"},
        ],
        "description": "The `next` of a page, or a moment (RFC 3339).",
    }
    known = {"model": {"type": "string", "enum": ["", *registry.uris]}, "before": before}
    filters = TypeAdapter(ReplayFilter).json_schema()
    _untitled(filters)
    filters["properties"] |= known
    page["components"]["schemas"]["ReplayFilter"] = filters
    for parameter in page["paths"]["/dead-letters"]["get"]["parameters"]:
        parameter["schema"] = known.get(parameter["name"], parameter["schema"])
    example = {"model": registry.default, "error_type": "worker_lost"}
    page["paths"]["/dead-letters/replay"]["post"]["requestBody"] = {
        "required": True,
        "content": {_JSON: {"schema": any_of(["ReplayFilter"]), "example": example}},
    }


def _show_examples(page: Page, operations: Mapping[tuple[str, str], Operation]) -> None:
    """Here and not at the routes: FastAPI would leave out what is null.

    The answers are sorted by status, as people look for them.
    """
    for (method, path), shown in operations.items():
        call = page["paths"][path][method]
        responses = call["responses"] = dict(sorted(call["responses"].items()))
        for status, answer in shown.answers.items():
            if answer.example is not None:
                responses[str(status)]["content"][_JSON]["example"] = answer.example


def _take_out_fastapis(page: Page) -> None:
    """Takes out the 422 that FastAPI adds to each call with a parameter: ours is a problem."""
    for name in _FASTAPIS:
        page["components"]["schemas"].pop(name, None)
    for calls in page["paths"].values():
        for call in calls.values():
            if _JSON in call["responses"].get("422", {}).get("content", {}):
                del call["responses"]["422"]


def _untitled(part: Any) -> None:
    """Takes out the titles that pydantic makes of names, such as "Task Id" of `task_id`."""
    if isinstance(part, dict):
        if isinstance(part.get("title"), str):
            del part["title"]
        for inner in part.values():
            _untitled(inner)
    elif isinstance(part, list):
        for inner in part:
            _untitled(inner)


def _header(name: str, description: str, **schema: Any) -> Page:
    return {
        "name": name,
        "in": "header",
        "required": False,
        "description": description,
        "schema": {"type": "string"} | schema,
    }
