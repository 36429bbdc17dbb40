"""Makes an example of a JSON schema, for models that were registered without one."""

import json
from collections.abc import Mapping
from typing import Any

from app.model_version import LONGEST_EXAMPLE

_VALUES = {"boolean": True, "integer": 1, "number": 0.5}


class NoExample(Exception):
    """An example would be too long."""


def short(example: Any) -> bool:
    """Says whether an example is one to show."""
    return len(json.dumps(example)) <= LONGEST_EXAMPLE


def example_of(schema: Mapping[str, Any]) -> Any:
    """Returns a value that the schema takes; raises `NoExample`.

    The schema is one of `inference.models.input_schema` or `inference.models.output_schema`.
    """
    for word in ("examples", "enum"):
        if word in schema:
            return schema[word][0]
    if schema.get("default") is not None:
        return schema["default"]
    if "anyOf" in schema:
        return example_of(schema["anyOf"][0])
    types = schema.get("type", "string")
    kind = types[0] if isinstance(types, list) else types
    if kind == "object":
        return _object(schema)
    if kind == "array":
        return _list(schema)
    return _VALUES[kind] if kind in _VALUES else _text(schema)


def _object(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the required fields, or the first optional one where none is required."""
    more = schema.get("additionalProperties")
    if "properties" not in schema:
        return {"key": example_of(more)} if isinstance(more, dict) else {}
    properties = schema["properties"]
    names = schema.get("required") or list(properties)[:1]
    return {name: example_of(properties[name]) for name in names}


def _list(schema: Mapping[str, Any]) -> list[Any]:
    if "prefixItems" in schema:
        return [example_of(one) for one in schema["prefixItems"]]
    length = schema.get("minContains", 1)
    if length * 3 > LONGEST_EXAMPLE:
        raise NoExample
    return [example_of(schema["items"])] * length


def _text(schema: Mapping[str, Any]) -> str:
    if "contentEncoding" in schema:
        return "aGVsbG8="
    return "2026-01-31T09:30:00Z" if "ISO 8601" in schema.get("description", "") else "text"
