"""Makes values.schema.json of values.yaml, so that a value is written down once.

A type is the default's; an object takes no other keys than its defaults'. `# @schema` lines above a
value add to that, in YAML and in the words of JSON Schema (draft 7); `# --` is its sentence,
without which a value is refused. (There are tools for this; none is to be had from the registries
that this project keeps to.)
"""

import json
from typing import Any

import yaml

OWN_SHAPE = frozenset({"properties", "patternProperties", "additionalProperties"})
"""An object whose annotation has one of these is described by that annotation.

The object's own contents are only its default.
"""

_TYPES = {
    bool: "boolean",
    int: "integer",
    float: "number",
    str: "string",
    list: "array",
    dict: "object",
}


class Undescribed(ValueError):
    """A value has no sentence, or nothing says its type."""


def make(values: str) -> str:
    """Returns the schema of a values.yaml, as JSON."""
    root = yaml.compose(values, Loader=yaml.SafeLoader)
    schema = {"$schema": "http://json-schema.org/draft-07/schema#", "title": "Values"} | _object(
        root, "", values.splitlines()
    )
    _open(schema["properties"].get("global", {}))
    return _written(schema, "") + "\n"


def _open(schema: dict[str, Any]) -> None:
    """Lets an object and those in it have other keys: what is `global` is for other charts too."""
    if "properties" in schema:
        schema["additionalProperties"] = True
    for inner in schema.get("properties", {}).values():
        _open(inner)


def _written(schema: dict[str, Any], margin: str) -> str:
    """JSON with a line for each value."""
    if "properties" not in schema:
        return json.dumps(schema, ensure_ascii=False)
    head = json.dumps(
        {key: value for key, value in schema.items() if key != "properties"}, ensure_ascii=False
    )
    rows = [
        f"{margin}  {json.dumps(name)}: {_written(value, f'{margin}  ')}"
        for name, value in schema["properties"].items()
    ]
    return head[:-1] + ', "properties": {\n' + ",\n".join(rows) + f"\n{margin}}}}}"


def _object(node: Any, path: str, lines: list[str]) -> dict[str, Any]:
    properties = {
        key.value: _value(value, f"{path}{key.value}", *_above(key, lines), lines)
        for key, value in node.value
    }
    return {"type": "object", "properties": properties, "additionalProperties": False}


def _value(
    node: Any, path: str, sentence: str, annotation: dict[str, Any], lines: list[str]
) -> dict[str, Any]:
    if isinstance(node, yaml.MappingNode) and node.value and not OWN_SHAPE & set(annotation):
        return (
            _object(node, f"{path}.", lines)
            | ({"description": sentence} if sentence else {})
            | annotation
        )
    default = _plain(node)
    if not sentence:
        raise Undescribed(f"{path} has no sentence: write one above it, after `# --`")
    if default is None and "type" not in annotation:
        raise Undescribed(f"{path} is null: say its type above it, after `# @schema type:`")
    kind = {} if default is None else {"type": _TYPES[type(default)]}
    closed = {"additionalProperties": False} if isinstance(default, dict) else {}
    return kind | {"description": sentence, "default": default} | closed | annotation


def _plain(node: Any) -> Any:
    """What a node says, as data."""
    return yaml.safe_load(yaml.serialize(node))


def _above(key: Any, lines: list[str]) -> tuple[str, dict[str, Any]]:
    """Returns the sentence and the annotation in the comment right above a key.

    Both are empty for a key within braces.
    """
    number = key.start_mark.line
    if lines[number][: key.start_mark.column].strip():
        return "", {}
    sentence = ""
    annotation: list[str] = []
    while number > 0 and lines[number - 1].strip().startswith("#"):
        number -= 1
        comment = lines[number].strip()
        if comment.startswith("# -- "):
            sentence = comment.removeprefix("# -- ")
        elif comment.startswith("# @schema "):
            annotation.insert(0, comment.removeprefix("# @schema "))
    return sentence, yaml.safe_load("\n".join(annotation)) or {}
