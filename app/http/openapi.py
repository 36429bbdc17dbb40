"""The OpenAPI page, with what FastAPI can't know.

That is the bodies of predictions, made from the registered signatures.
"""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import TypeAdapter

from app.http.dead_letters import ReplayFilter
from app.http.request_headers import LONGEST_KEY
from app.http.routes import PREDICTING
from app.http.schemas import ProblemBody
from app.model_version import Registered
from app.served_models import Registry

_ENTITY_KEY = {
    "type": "integer",
    "minimum": -(2**63),
    "maximum": 2**63 - 1,
    "description": (
        "What it is about. The same match and features give the same task,"
        " unless Cache-Control says no-cache."
    ),
}
_PRIORITY = {
    "type": "integer",
    "minimum": 0,
    "maximum": 9,
    "description": "Each step is a head start in the queue.",
}
_TIME_TO_START = {
    "type": "number",
    "exclusiveMinimum": 0,
    "description": "It expires unless it has begun by then, in seconds.",
}
_PREFER = "RFC 7240: `wait=5` waits less than the service would, `respond-async` takes a 202."
_KEY_PATTERN = r'^(?:"(?:[ !#-\[\]-~]|\\["\\])+"|[!#-~](?:[ !#-~]*[!#-~])?)$'
_KEY = "The same key and body give the same task; another body is a 422."


def describe(app: FastAPI, registry: Registry, longest_to_start_s: float) -> dict[str, Any]:
    """Returns the document for the versions served now.

    A model that can't be served has no body in it: nobody knows which.
    """
    page = get_openapi(
        title=app.title, version=app.version, description=app.description, routes=app.routes
    )
    schemas = page.setdefault("components", {}).setdefault("schemas", {})
    problem = TypeAdapter(ProblemBody).json_schema(ref_template="#/components/schemas/{model}")
    schemas |= problem.pop("$defs", {}) | {"ProblemBody": problem}
    start = _TIME_TO_START | {"maximum": longest_to_start_s}
    bodies = {
        f"Predict-{m.name}": _body(m, name == registry.default, start)
        for name, m in registry.models.items()
    }
    schemas |= bodies
    for path in PREDICTING:
        call = page["paths"][path]["post"]
        call["requestBody"] = {
            "required": True,
            "content": {"application/json": {"schema": _one_of(list(bodies))}},
        }
        call["parameters"] = [
            _header("Idempotency-Key", _KEY, maxLength=LONGEST_KEY, pattern=_KEY_PATTERN),
            _header("Cache-Control", "`no-cache` asks for a new run."),
        ]
    filters = TypeAdapter(ReplayFilter).json_schema()
    filters["properties"] |= _filters(registry)
    for parameter in page["paths"]["/dead-letters"]["get"]["parameters"]:
        parameter["schema"] = _filters(registry).get(parameter["name"], parameter["schema"])
    page["paths"]["/dead-letters/replay"]["post"]["requestBody"] = {
        "required": True,
        "content": {"application/json": {"schema": filters}},
    }
    page["paths"]["/predict/model/info"]["get"]["parameters"][0]["schema"] = {
        "type": "string",
        "enum": registry.names,
    }
    page["paths"]["/predict/"]["post"]["parameters"].append(_header("Prefer", _PREFER))
    return page


def _filters(registry: Registry) -> dict[str, dict[str, Any]]:
    """What pydantic can't know.

    `before` is a page's `next` or a moment: no pattern says that, so the page says a moment.
    """
    moment = {
        "type": "string",
        "format": "date-time",
        "description": "The `next` of a page, or a moment (RFC 3339).",
    }
    return {"model": {"type": "string", "enum": ["", *registry.uris]}, "before": moment}


def _one_of(names: list[str]) -> dict[str, Any]:
    if not names:
        return {"type": "object", "description": "No model can be served now: /readyz says why."}
    refs = [{"$ref": f"#/components/schemas/{name}"} for name in names]
    return refs[0] if len(refs) == 1 else {"anyOf": refs}


def _body(model: Registered, default: bool, time_to_start: dict[str, Any]) -> dict[str, Any]:
    """The closed body of one model.

    `features` may be left out where an entity key is enough, `model` where it is the default.
    """
    fields: dict[str, Any] = {
        "features": model.features.json_schema,
        "params": model.params.json_schema,
        "match_id": _ENTITY_KEY,
    }
    fields["model"] = {"enum": [model.name, model.address]}
    fields |= {"priority": _PRIORITY, "time_to_start_s": time_to_start}
    needed = [] if default else ["model"]
    body: dict[str, Any] = {
        "type": "object",
        "additionalProperties": False,
        "properties": fields,
        "title": model.name,
    }
    if model.has_feature_table:
        return body | {
            "required": needed,
            "anyOf": [{"required": ["features"]}, {"required": ["match_id"]}],
        }
    return body | {"required": [*needed, "features"]}


def _header(name: str, description: str, **schema: Any) -> dict[str, Any]:
    return {
        "name": name,
        "in": "header",
        "required": False,
        "description": description,
        "schema": {"type": "string"} | schema,
    }
