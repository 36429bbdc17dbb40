"""A model's signature, made into checkers and JSON schemas of `features` and `params`.

The OpenAPI page shows the schemas.

A checker is compiled once a version. It takes what is right at once (`quick_check`); of anything
else it names every field that is wrong (`value_checks`). Null means left out, for a column or an
object's property that is optional. One input is one row, so the leading dimension of a tensor, the
batch, is left out.

A string that is an image by the model's metadata may be a URL: one of an address that a worker may
not ask is refused here.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from inference.errors import Misconfigured
from inference.field_errors import MOST_ERRORS, FieldError, shown
from inference.models.quick_check import never, quick_check_of
from inference.models.signature import (
    Column,
    Kind,
    ListOf,
    ObjectOf,
    Param,
    Property,
    Tensor,
    read_inputs,
    read_params,
)
from inference.models.value_checks import Check, check_of, image_check, or_null
from inference.outbound.address_policy import Network

_IMAGE_SCHEMA = {
    "type": "string",
    "description": (
        "An image (JPEG, PNG, WebP, GIF, BMP) as base64, as a data: URL,"
        " or as an http(s) URL that the worker fetches."
    ),
}


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a part: its exact check and its JSON schema."""

    name: str
    check: Check
    required: bool
    json_schema: dict[str, Any]


class PartSchema:
    """The checker of one part of a body, `features` or `params`, for one model version.

    `quick` says of what is surely right that it is; `fields` name what is wrong.
    """

    def __init__(self, part: str, fields: Sequence[Field], quick: Callable[[Any], bool]) -> None:
        self._part = part
        self._fields = {one.name: one for one in fields}
        self._checks = tuple(
            (one.name, f"{part}.{one.name}", one.check, one.required) for one in fields
        )
        self._quick = quick

    def errors(self, given: Any) -> list[FieldError]:
        """Returns what is wrong, at most MOST_ERRORS of it; nothing for what the model takes."""
        return [] if self._quick(given) else self.exact_errors(given)

    def exact_errors(self, given: Any) -> list[FieldError]:
        """As `errors`, by the exact checks alone."""
        if type(given) is not dict:
            return [FieldError(self._part, "must be an object")]
        found: list[FieldError] = []

        def report(name: str, message: str) -> None:
            if len(found) < MOST_ERRORS:
                found.append(FieldError(name, message))

        seen = 0
        for name, path, check, required in self._checks:
            if name in given:
                seen += 1
                check(given[name], path, report)
            elif required:
                report(path, "is missing")
        if seen != len(given):
            for name in given.keys() - self._fields.keys():
                report(f"{self._part}.{shown(name)}", f"is none of the model's {self._part}")
        return found

    @property
    def json_schema(self) -> dict[str, Any]:
        """The same as a JSON schema (2020-12)."""
        return _object_schema(
            {one.name: (one.json_schema, one.required) for one in self._fields.values()}
        )


def features_schema(
    inputs: Sequence[Column | Tensor], image: str = "", allowed: Sequence[Network] = ()
) -> PartSchema:
    """Returns the checker of the features.

    `image` names the string that is one, `allowed` the networks that it may be fetched from
    although they are not public.
    """
    fields = [
        _field(one.name, image_check(allowed), _IMAGE_SCHEMA, one.required)
        if image and one.name == image
        else _field(one.name, check_of(one.kind), schema_of(one.kind), one.required)
        for one in inputs
    ]
    properties = [Property(one.name, one.kind, one.required) for one in inputs]
    # No type says what an image may be: the exact check looks at the few characters that matter.
    quick = never if any(one.name == image for one in inputs) else quick_check_of(properties)
    return PartSchema("features", fields, quick)


def params_schema(params: Sequence[Param]) -> PartSchema:
    """Returns the checker of the parameters.

    Raises `Misconfigured` for a default that JSON has no words for.
    """
    try:
        fields = [Field(one.name, check_of(one.kind), False, _param_schema(one)) for one in params]
    except (TypeError, ValueError) as error:
        raise Misconfigured(f"its signature has a type that can't be checked: {error}") from error
    return PartSchema(
        "params",
        fields,
        quick_check_of([Property(one.name, one.kind, False) for one in params], nullable=False),
    )


def compile_inputs(columns: Any, image: str = "", allowed: Sequence[Network] = ()) -> PartSchema:
    """Returns the checker of a signature's `inputs`; raises `Misconfigured`.

    See `features_schema` for the rest.
    """
    return features_schema(read_inputs(columns), image, allowed)


def compile_params(params: Any) -> PartSchema:
    """Returns the checker of a signature's `params`; raises `Misconfigured`."""
    return params_schema(read_params(params))


def schema_of(kind: Kind) -> dict[str, Any]:
    """Returns the JSON schema of a kind."""
    if isinstance(kind, ListOf):
        bounds = {} if kind.length < 0 else {"minItems": kind.length, "maxItems": kind.length}
        return {"type": "array", "items": schema_of(kind.item)} | bounds
    if isinstance(kind, ObjectOf):
        fields = {
            one.name: (_or_null(schema_of(one.kind), one.required), one.required)
            for one in kind.properties
        }
        return _object_schema(fields)
    return kind.json_schema


def _field(name: str, check: Check, schema: dict[str, Any], required: bool) -> Field:
    return Field(name, or_null(check, required), required, _or_null(schema, required))


def _or_null(schema: dict[str, Any], required: bool) -> dict[str, Any]:
    return (
        schema if required or "type" not in schema else schema | {"type": [schema["type"], "null"]}
    )


def _param_schema(param: Param) -> dict[str, Any]:
    # The page is JSON, and JSON has no NaN: such a default is left out of it.
    is_json = orjson.loads(orjson.dumps(param.default)) == param.default
    return schema_of(param.kind) | ({"default": param.default} if is_json else {})


def _object_schema(fields: dict[str, tuple[dict[str, Any], bool]]) -> dict[str, Any]:
    return {
        "type": "object",
        "additionalProperties": False,
        "properties": {name: schema for name, (schema, _) in fields.items()},
        "required": [name for name, (_, required) in fields.items() if required],
    }
