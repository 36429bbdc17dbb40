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
from inference.models.input_weight import Weight, weight_of, weight_of_all
from inference.models.quick_check import never, quick_check_of, quick_check_of_kinds
from inference.models.signature import (
    Column,
    InputForm,
    Kind,
    ListOf,
    MapOf,
    ObjectOf,
    Param,
    Property,
    Tensor,
    form_of,
    read_inputs,
    read_params,
)
from inference.models.value_checks import Check, Report, check_of, image_check, listed, or_null
from inference.outbound.address_policy import Network

_LONGEST_TUPLE = 16
"""Columns of several types of which each is shown with its own; of more, programs make a page."""

_IMAGE_SCHEMA = {
    "type": "string",
    "description": (
        "An image (JPEG, PNG, WebP, GIF, BMP) as base64, as a data: URL,"
        " or as an http(s) URL that the worker fetches."
    ),
    "examples": ["https://example.org/cat.jpg"],
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

    `quick` says of what is surely right that it is; `check` names what is wrong.
    """

    def __init__(
        self,
        part: str,
        check: Check,
        quick: Callable[[Any], bool],
        json_schema: dict[str, Any],
        weight: Weight,
    ) -> None:
        self._part = part
        self._check = check
        self._quick = quick
        self.json_schema = json_schema
        """The same as a JSON schema (2020-12)."""
        self.weight = weight
        """What the heaviest value that is right weighs."""

    def errors(self, given: Any) -> list[FieldError]:
        """Returns what is wrong, at most MOST_ERRORS of it; nothing for what the model takes."""
        return [] if self._quick(given) else self.exact_errors(given)

    def exact_errors(self, given: Any) -> list[FieldError]:
        """As `errors`, by the exact checks alone."""
        found: list[FieldError] = []

        def report(name: str, message: str) -> None:
            if len(found) < MOST_ERRORS:
                found.append(FieldError(name, message))

        self._check(given, self._part, report)
        return found


def _named(
    part: str, fields: Sequence[Field], quick: Callable[[Any], bool], weight: Weight
) -> PartSchema:
    """A part that is an object of these fields."""
    checks = {one.name: one for one in fields}

    def check(given: Any, name: str, report: Report) -> None:
        if type(given) is not dict:
            report(name, "must be an object")
            return
        for key, one in checks.items():
            if key in given:
                one.check(given[key], f"{name}.{key}", report)
            elif one.required:
                report(f"{name}.{key}", "is missing")
        for key in given.keys() - checks.keys():
            report(f"{name}.{shown(key)}", f"is none of the model's {part}")

    schema = _object_schema({one.name: (one.json_schema, one.required) for one in fields})
    return PartSchema(part, check, quick, schema, weight)


def features_schema(
    inputs: Sequence[Column | Tensor],
    image: str = "",
    allowed: Sequence[Network] = (),
    form: InputForm = InputForm.NAMED,
) -> PartSchema:
    """Returns the checker of the features.

    `image` names the string that is one, `allowed` the networks that it may be fetched from
    although they are not public.
    """
    if form is not InputForm.NAMED:
        return _unnamed([one.kind for one in inputs], alone=form is InputForm.VALUE)
    fields = [
        _field(one.name, image_check(allowed), _IMAGE_SCHEMA, one.required)
        if image and one.name == image
        else _field(one.name, check_of(one.kind), schema_of(one.kind), one.required)
        for one in inputs
    ]
    properties = [Property(one.name, one.kind, one.required) for one in inputs]
    # No type says what an image may be: the exact check looks at the few characters that matter.
    quick = (
        never if image and any(one.name == image for one in inputs) else quick_check_of(properties)
    )
    return _named("features", fields, quick, weight_of_all(one.kind for one in inputs))


def _unnamed(kinds: Sequence[Kind], alone: bool) -> PartSchema:
    """The one unnamed input itself, or a list of the unnamed columns in order."""
    quick = quick_check_of_kinds(kinds, alone=alone)
    if alone:
        kind = kinds[0]
        return PartSchema("features", check_of(kind), quick, schema_of(kind), weight_of(kind))
    check = listed([check_of(kind) for kind in kinds])
    return PartSchema("features", check, quick, _columns_schema(kinds), weight_of_all(kinds))


def _columns_schema(kinds: Sequence[Kind]) -> dict[str, Any]:
    """Of unnamed columns: each with its own type where they differ and are few."""
    schemas = list(map(schema_of, kinds))
    distinct = list({repr(schema): schema for schema in schemas}.values())
    if len(distinct) > 1 and len(kinds) <= _LONGEST_TUPLE:
        length = {"minItems": len(kinds), "maxItems": len(kinds)}
        words = {"description": "The columns in their order."}
        return {"type": "array", "prefixItems": schemas} | length | words
    items = distinct[0] if len(distinct) == 1 else {"anyOf": distinct}
    words = {"description": f"The {len(kinds)} columns in their order."}
    return _list_schema(items, len(kinds)) | words


def params_schema(params: Sequence[Param]) -> PartSchema:
    """Returns the checker of the parameters; null is one whose default is null.

    Raises `Misconfigured` for a default that JSON has no words for.
    """
    try:
        fields = [
            Field(
                one.name,
                or_null(check_of(one.kind), one.default is not None),
                False,
                _param_schema(one),
            )
            for one in params
        ]
    except (TypeError, ValueError) as error:
        raise Misconfigured(f"its signature has a type that can't be checked: {error}") from error
    properties = [
        Property(one.name, one.kind, False, never_null=one.default is not None) for one in params
    ]
    weight = weight_of_all(one.kind for one in params)
    return _named("params", fields, quick_check_of(properties), weight)


def compile_inputs(
    columns: Any, image: str = "", allowed: Sequence[Network] = (), *, hinted: bool = False
) -> PartSchema:
    """Returns the checker of a signature's `inputs`; raises `Misconfigured`.

    `hinted`: the signature was made from a type hint. See `features_schema` for the rest.
    """
    return features_schema(read_inputs(columns, hinted), image, allowed, form_of(columns))


def compile_params(params: Any) -> PartSchema:
    """Returns the checker of a signature's `params`; raises `Misconfigured`."""
    return params_schema(read_params(params))


def schema_of(kind: Kind) -> dict[str, Any]:
    """Returns the JSON schema of a kind."""
    if isinstance(kind, ListOf):
        return _list_schema(schema_of(kind.item), kind.length)
    if isinstance(kind, MapOf):
        return {"type": "object", "additionalProperties": schema_of(kind.item)}
    if isinstance(kind, ObjectOf):
        fields = {
            one.name: (
                _or_null(schema_of(one.kind), one.required or one.never_null),
                one.required,
            )
            for one in kind.properties
        }
        return _object_schema(fields)
    return kind.json_schema


def _list_schema(items: dict[str, Any], length: int) -> dict[str, Any]:
    """Any item fits the empty schema, so `length` of them is the list's length.

    `minItems` and `maxItems` would say so too. Of those, code generators make a tuple, which has a
    type for each item and takes no list of a program's.
    """
    schema = {"type": "array", "items": items}
    if length < 0:
        return schema
    exactly = {"contains": {}, "minContains": length, "maxContains": length}
    return schema | exactly | {"description": f"{length} items."}


def _field(name: str, check: Check, schema: dict[str, Any], required: bool) -> Field:
    return Field(name, or_null(check, required), required, _or_null(schema, required))


def _or_null(schema: dict[str, Any], required: bool) -> dict[str, Any]:
    return (
        schema if required or "type" not in schema else schema | {"type": [schema["type"], "null"]}
    )


def _param_schema(param: Param) -> dict[str, Any]:
    # The page is JSON, and JSON has no NaN: such a default is left out of it.
    is_json = orjson.loads(orjson.dumps(param.default)) == param.default
    schema = _or_null(schema_of(param.kind), param.default is not None)
    return schema | ({"default": param.default} if is_json else {})


def _object_schema(fields: dict[str, tuple[dict[str, Any], bool]]) -> dict[str, Any]:
    return {
        "type": "object",
        "additionalProperties": False,
        "properties": {name: schema for name, (schema, _) in fields.items()},
        "required": [name for name, (_, required) in fields.items() if required],
    }
