"""The JSON schema of a model's results, from its signature's outputs, for the OpenAPI page.

It follows the forms that `worker.models.outputs` makes of an answer. The signature is a promise
that nobody enforces, in MLflow neither: so the schema is open, and knows no bounds. What a missing
value may stand for may be null, since NaN is null in a result.

Nothing here refuses a model: an output of a form that is not known may be anything.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from inference.models.data_types import COLUMN_TYPES, TENSOR_TYPES, DataType

Schema = dict[str, Any]

PROMISE = (
    "By the outputs of the model's signature. An answer of another form is served all the same,"
    " as MLflow does."
)
_ODD = (AttributeError, IndexError, KeyError, TypeError, ValueError, RecursionError)
"""What reading outputs of an unknown form may raise."""
_LABELS: Schema = {
    "type": "object",
    "properties": {
        "labels": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "label": {"type": "string"},
                    "index": {"type": "integer"},
                    "probability": {"type": ["number", "null"]},
                },
                "required": ["label", "index", "probability"],
            },
        }
    },
    "required": ["labels"],
}


def result_schema(outputs: Any, metadata: Mapping[str, Any]) -> Schema:
    """Returns the schema of a version's results.

    `outputs` are the signature's. `metadata.labels` and `metadata.outputs` give an answer a form of
    its own. Without any of them it may be anything.
    """
    try:
        if metadata.get("labels"):
            return dict(_LABELS)
        if names := metadata.get("outputs"):
            return _scores([str(name) for name in names])
        return _promised(_row(outputs)) if outputs else {}
    except _ODD:
        return {}


def _promised(schema: Schema) -> Schema:
    return schema | {"description": " ".join(filter(None, [schema.get("description"), PROMISE]))}


def _scores(names: Sequence[str]) -> Schema:
    """The form that `worker.models.outputs.named` gives a row of scores."""
    outcome: Schema = {"enum": [*names, None], "description": "The name of the highest score."}
    scores: dict[str, Schema] = {name: {"type": ["number", "null"]} for name in names}
    return _object(scores | {"outcome": outcome}, [*names, "outcome"])


def _row(outputs: Sequence[Mapping[str, Any]]) -> Schema:
    """One row: an object of named outputs, one output itself, or a list of several."""
    if all(spec.get("name") is None for spec in outputs):
        kinds = [_output(spec) for spec in outputs]
        if len(kinds) == 1:
            return kinds[0]
        return {"type": "array", "items": _any_of(kinds)}
    # A mapping of arrays is registered as arrays, and its rows are their items. So is a frame whose
    # every column holds arrays, and its rows are arrays.
    mapping = all(spec["type"] == "array" for spec in outputs)
    fields = {
        str(spec["name"]): _any_of([_type(spec["items"]), _output(spec)])
        if mapping
        else _output(spec)
        for spec in outputs
    }
    return _object(fields, [str(spec["name"]) for spec in outputs if spec.get("required", True)])


def _output(spec: Mapping[str, Any]) -> Schema:
    schema = _type(spec)
    return schema if spec.get("required", True) else _or_null(schema)


def _type(spec: Mapping[str, Any]) -> Schema:
    match spec["type"]:
        case "tensor":
            return _tensor(spec["tensor-spec"])
        case "array":
            return {"type": "array", "items": _type(spec["items"])}
        case "map":
            return {"type": "object", "additionalProperties": _type(spec["values"])}
        case "object":
            properties = spec["properties"]
            required = [name for name, one in properties.items() if one.get("required", True)]
            return _object({name: _output(one) for name, one in properties.items()}, required)
    return _value(str(spec["type"]), COLUMN_TYPES)


def _tensor(spec: Mapping[str, Any]) -> Schema:
    """One row of it: a list for each dimension after the batch's.

    A fixed length is told in words: of `maxItems` some generators make a tuple of so many types.
    """
    schema, lengths = _value(str(spec["dtype"]), TENSOR_TYPES), spec["shape"][1:]
    for length in reversed(lengths):
        schema = {"type": "array", "items": schema}
        if int(length) >= 0:
            schema["description"] = f"{length} items."
    return schema


def _value(name: str, types: Mapping[str, DataType]) -> Schema:
    """A number may be NaN and a moment NaT, which are null."""
    if name.startswith(("datetime", "timedelta")):
        return _or_null({"type": "string", "description": "ISO 8601."})
    if name.startswith(("float", "bfloat")) or name == "double":
        return {"type": ["number", "null"]}
    if name.startswith("complex"):
        return {"type": "array", "items": {"type": "number"}, "description": "Real, imaginary."}
    if name == "bytes":
        return dict(COLUMN_TYPES["binary"].json_schema)
    kind = types.get(name)
    if kind is None or name == "object":
        return {}
    bounds = ("minimum", "maximum")
    return {word: said for word, said in kind.json_schema.items() if word not in bounds}


def _or_null(schema: Schema) -> Schema:
    if "type" not in schema:
        return {"anyOf": [schema, {"type": "null"}]} if "anyOf" in schema else schema
    types = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    return schema | {"type": [*dict.fromkeys([*types, "null"])]}


def _any_of(schemas: Sequence[Schema]) -> Schema:
    different = [one for place, one in enumerate(schemas) if one not in schemas[:place]]
    return different[0] if len(different) == 1 else {"anyOf": different}


def _object(properties: Mapping[str, Schema], required: Sequence[str]) -> Schema:
    return {"type": "object", "properties": dict(properties), "required": list(required)}
