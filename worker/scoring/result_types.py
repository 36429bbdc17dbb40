"""Which columns the answers of a run become, and of which type each is.

The model's signature says so first. What was answered may widen it: nobody enforces a signature.
Answers that fit no one type are written as JSON.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import pyarrow as pa

Chunks = Callable[[], Iterable[list[Any]]]
"""All answers in JSON's values, some at a time, None for a row without one."""
Columns = dict[str, Any]
"""An Arrow type for each column of answers, None for JSON as text. '' is the answer itself."""

WHOLE = ""
MOST_NAMES = 256
"""Names in an answer that become columns; with more of them it is no table."""

_PLAIN = {
    "number": pa.float64(),
    "integer": pa.int64(),
    "boolean": pa.bool_(),
    "string": pa.string(),
}
_UNLIKE = (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError, OverflowError)


def columns_of(chunks: Chunks, promised: Mapping[str, Any]) -> Columns:
    """Returns the columns of these answers; `promised` is the JSON schema of a result.

    Answers that are all objects become a column for each name, other ones a single column.
    """
    names: Columns = {
        name: _type_of(schema) for name, schema in promised.get("properties", {}).items()
    }
    some = False
    for values in chunks():
        objects = [value for value in values if value is not None]
        if not all(isinstance(value, dict) for value in objects):
            return {WHOLE: _widened(chunks(), pa.null() if names else _type_of(promised))}
        for name in dict.fromkeys(name for value in objects for name in value):
            parts = [value.get(name) for value in objects]
            names[name] = _merged(names.get(name, pa.null()), parts)
        if len(names) > MOST_NAMES:
            return {WHOLE: None}
        some = some or bool(objects)
    if names:
        return {name: _writable(kind) for name, kind in names.items()}
    return {WHOLE: None if some else _writable(_type_of(promised))}


def array_of(values: Iterable[Any], kind: Any) -> Any:
    """Returns the answers of one column as Arrow's, whose type is one that `columns_of` found."""
    values = list(values)
    try:
        return pa.array(values, kind)
    except _UNLIKE:  # an integer that a float has no place for: the nearest one
        if len(values) == 1:
            return pa.array(values).cast(kind, safe=False)
        return pa.concat_arrays([array_of([value], kind) for value in values])


def parts_of(values: Iterable[Any], name: str) -> Iterator[Any]:
    """Returns what stands in a column's name in each of these answers."""
    if name == WHOLE:
        return iter(values)
    return (None if value is None else value.get(name) for value in values)


def _widened(chunks: Iterable[list[Any]], kind: Any) -> Any:
    for values in chunks:
        kind = _merged(kind, values)
    return _writable(kind)


def _merged(known: Any, values: list[Any]) -> Any:
    """The type that has room for the known one and these values; None if there is none."""
    if known is None:
        return None
    try:
        schemas = [pa.schema([("", kind)]) for kind in (known, pa.array(values).type)]
        return pa.unify_schemas(schemas, promote_options="permissive").field(0).type
    except _UNLIKE:
        return None


def _writable(kind: Any) -> Any:
    """A type for a file: Parquet has no objects without names. Where all is missing it is text."""
    if kind is None or kind == pa.null():
        return pa.string() if kind == pa.null() else None
    inner = kind
    while pa.types.is_list(inner):
        inner = inner.value_type
    if pa.types.is_struct(inner):
        parts = [_writable(field.type) for field in inner]
        return kind if parts and None not in parts else None
    return kind


def _type_of(schema: Mapping[str, Any]) -> Any:
    """The Arrow type of a JSON schema of `inference.models.output_schema`; null for any value."""
    said = schema.get("type")
    types = [one for one in (said if isinstance(said, list) else [said]) if one != "null"]
    match types:
        case ["array"]:
            return pa.list_(_type_of(schema.get("items", {})))
        case ["object"] if schema.get("properties"):
            inner = schema["properties"].items()
            return pa.struct([(name, _type_of(one)) for name, one in inner])
        case [str(name)]:
            return _PLAIN.get(name, pa.null())
    return pa.string() if "enum" in schema else pa.null()
