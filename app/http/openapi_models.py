"""The part of the OpenAPI page that differs from gateway to gateway: the models that it serves.

Each model has schemas of its own for what it is sent and what it answers, so that programs which
make a client of the page give each a type. The name of a model's pool ends their names.
"""

from collections.abc import Mapping
from typing import Any

from app.checking.body_fields import HIGHEST_PRIORITY
from app.http.operations import TASK
from app.http.schema_example import NoExample, example_of, short
from app.model_version import Registered
from inference.ids import model_of
from inference.models.output_schema import result_schema

Schema = dict[str, Any]
REF = "#/components/schemas/"

_ENTITY_KEY = {
    "type": ["integer", "null"],
    "minimum": -(2**63),
    "maximum": 2**63 - 1,
    "description": (
        "What it is about. The same match and features give the same task,"
        " unless Cache-Control says no-cache."
    ),
}
_PRIORITY = {
    "type": ["integer", "null"],
    "minimum": 0,
    "maximum": HIGHEST_PRIORITY,
    "description": "Each step is a head start in the queue.",
}
_TIME_TO_START = {
    "type": ["number", "null"],
    "exclusiveMinimum": 0,
    "description": "It expires unless it has begun by then, in seconds.",
}
_NO_PARAMS = {
    "type": "object",
    "additionalProperties": False,
    "properties": {},
    "description": "Of a model whose signature has no parameters.",
}
_NULL = {"type": "null"}
_VALUES = ("Prediction", "TaskStatus")
"""The answers that have a result and name the model that it is of."""


def ref(name: str) -> Schema:
    """Returns a reference to a component."""
    return {"$ref": REF + name}


def any_of(names: list[str]) -> Schema:
    """Returns the schema of one of these components."""
    return ref(names[0]) if len(names) == 1 else {"anyOf": list(map(ref, names))}


def body_name(model: Registered) -> str:
    """Returns the name of the schema of a model's requests."""
    return f"Predict-{model.name}"


def describe_models(
    schemas: dict[str, Schema],
    served: Mapping[str, Registered],
    *,
    default: str,
    every: bool,
    longest_to_start_s: float,
) -> None:
    """Adds the schemas of the models, and lets the answers that show a result say whose it may be.

    Unless `every` model is served, it may be one of a model that nobody knows now.
    """
    start = _TIME_TO_START | {"maximum": longest_to_start_s}
    for pool, model in served.items():
        schemas |= _inputs_of(model)
        schemas[body_name(model)] = _body(model, pool == default, start)
        schemas[f"Result-{pool}"] = result_schema(model.card.outputs, model.card.metadata)
        schemas[f"UsedModel-{pool}"] = _used(schemas["UsedModel"], pool)
    results = [f"Result-{pool}" for pool in served]
    unknown = [] if every and served else [{"description": "Of a model that is not served now."}]
    shown = [*map(ref, results), *unknown, ref("TaskError"), _NULL]
    schemas["CeleryResult"]["properties"]["result"] = {"anyOf": shown}
    for answer in _VALUES if served else ():
        whole = schemas[answer]
        for pool in served:
            own = {"result": ref(f"Result-{pool}"), "model": ref(f"UsedModel-{pool}")}
            properties = whole["properties"] | own
            schemas[f"{answer}-{pool}"] = whole | {"properties": properties}
        names = [f"{answer}-{pool}" for pool in served]
        if not every:
            names.append(f"{answer}OfAnother")
            schemas[names[-1]] = whole
        words = {"description": whole["description"]}
        schemas[answer] = {"anyOf": list(map(ref, names))} | words


def _inputs_of(model: Registered) -> dict[str, Schema]:
    found = {f"Features-{model.name}": model.features.json_schema}
    if model.params.json_schema["properties"]:
        return found | {f"Params-{model.name}": model.params.json_schema}
    return found | {"NoParams": _NO_PARAMS}


def _used(schema: Schema, pool: str) -> Schema:
    return schema | {"properties": schema["properties"] | {"name": {"const": pool}}}


def _body(model: Registered, default: bool, time_to_start: Schema) -> Schema:
    """The closed body of one model.

    `features` may be left out where an entity key is enough, `model` where it is the default. Null
    is a field that is left out; what is needed can't be.
    """
    features = ref(f"Features-{model.name}")
    asked = {"type": "string", "enum": [model.name, model.address]}
    params = "NoParams"
    if model.params.json_schema["properties"]:
        params = f"Params-{model.name}"
    fields: Schema = {
        "features": {"anyOf": [features, _NULL]} if model.has_feature_table else features,
        "params": {"anyOf": [ref(params), _NULL]},
        "match_id": _ENTITY_KEY,
        "model": {"anyOf": [asked, _NULL]} if default else asked,
        "priority": _PRIORITY,
        "time_to_start_s": time_to_start,
    }
    needed = [] if default else ["model"]
    body: Schema = {"type": "object", "additionalProperties": False, "properties": fields}
    if model.has_feature_table:
        # In this form, since code generators read it as what it is: a rule, and no other type.
        known = {"required": ["match_id"], "properties": {"match_id": {"type": "integer"}}}
        return body | {
            "required": needed,
            "description": "Without `features`, a `match_id` selects them from the model's table.",
            "if": {"properties": {"features": _NULL}},
            "then": known,
        }
    return body | {"required": [*needed, "features"]}


def body_examples(served: Mapping[str, Registered]) -> dict[str, Any]:
    """Returns an example of a request for each model, by the names of their pools."""
    found = {}
    for pool, model in served.items():
        try:
            body = {"model": pool, "features": _features_example(model)}
        except NoExample:
            continue
        if short(body):
            found[pool] = {"summary": f"For {pool}", "value": body}
    return found


def _features_example(model: Registered) -> Any:
    """The registered example, if requests may be like it, else one made of the schema."""
    registered = model.card.example
    if registered is not None and not model.features.errors(registered):
        return registered
    return example_of(model.features.json_schema)


def result_examples(
    schemas: Mapping[str, Schema], served: Mapping[str, Registered], answer: Mapping[str, Any]
) -> dict[str, Any]:
    """Returns `answer` with an example of each model's result, by the names of their pools."""
    found = {}
    for pool, model in served.items():
        try:
            result = example_of(schemas[f"Result-{pool}"])
        except NoExample:
            continue
        own = {
            "task_id": TASK.replace(model_of(TASK) or "", pool),
            "model": {"name": pool, "version": model.version},
            "result": result,
        }
        if short(own):
            found[pool] = {"summary": f"Of {pool}", "value": dict(answer) | own}
    return found
