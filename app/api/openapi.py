"""The OpenAPI page, with what FastAPI can't know: the bodies of predictions, made from the registered signatures."""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from app.api.bodies import ProblemBody
from app.api.preferences import LONGEST_KEY
from app.api.routes import PREDICTING
from app.registry import Registered, Registry

_MATCH_ID = {
    "type": "integer",
    "minimum": -(2**63),
    "maximum": 2**63 - 1,
    "description": "What it is about. The same match and features give the same task, unless Cache-Control says no-cache.",
}
_PREFER = "RFC 7240: `wait=5` waits less than the service would, `respond-async` takes a 202."
_KEY_PATTERN = r'^(?:"(?:[ !#-\[\]-~]|\\["\\])+"|[!#-~](?:[ !#-~]*[!#-~])?)$'
_KEY = "The same key and body give the same task; another body is a 422."


def describe(app: FastAPI, registry: Registry) -> dict[str, Any]:
    """Returns the document for the versions served now."""
    page = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
    schemas = page.setdefault("components", {}).setdefault("schemas", {})
    problem = ProblemBody.model_json_schema(ref_template="#/components/schemas/{model}")
    schemas |= problem.pop("$defs", {}) | {"ProblemBody": problem}
    bodies = {f"Predict-{model.name}": _body(model, name == registry.default) for name, model in registry.models.items()}
    schemas |= bodies
    for path in PREDICTING:
        call = page["paths"][path]["post"]
        call["requestBody"] = {"required": True, "content": {"application/json": {"schema": _one_of(list(bodies))}}}
        call["parameters"] = [
            _header("Idempotency-Key", _KEY, maxLength=LONGEST_KEY, pattern=_KEY_PATTERN),
            _header("Cache-Control", "`no-cache` asks for a new run."),
        ]
    page["paths"]["/predict/model/info"]["get"]["parameters"][0]["schema"] = {"type": "string", "enum": list(registry.models)}
    page["paths"]["/predict/"]["post"]["parameters"].append(_header("Prefer", _PREFER))
    return page


def _one_of(names: list[str]) -> dict[str, Any]:
    refs = [{"$ref": f"#/components/schemas/{name}"} for name in names]
    return refs[0] if len(refs) == 1 else {"anyOf": refs}


def _body(model: Registered, default: bool) -> dict[str, Any]:
    """The closed body of one model; `features` may be left out where a match is enough, `model` where it is the default."""
    fields: dict[str, Any] = {"features": model.features.json_schema, "match_id": _MATCH_ID, "model": {"const": model.name}}
    needed = [] if default else ["model"]
    body: dict[str, Any] = {"type": "object", "additionalProperties": False, "properties": fields, "title": model.name}
    if model.knows_matches:
        return body | {"required": needed, "anyOf": [{"required": ["features"]}, {"required": ["match_id"]}]}
    return body | {"required": [*needed, "features"]}


def _header(name: str, description: str, **schema: Any) -> dict[str, Any]:
    return {"name": name, "in": "header", "required": False, "description": description, "schema": {"type": "string"} | schema}
