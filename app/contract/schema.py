"""A model's registered signature, made into checkers of `features` and `params` and the JSON schemas that the OpenAPI page shows.

Checked here and not by pydantic: the checker is compiled once a version, walks a plain dict, and names every field that is wrong.
It is strict: `true` is no number, `1.0` is no integer, NaN and infinities are no numbers. Null means left out, for a column or an
object's property that is optional. One input is one row, so the leading dimension of a tensor, the batch, is left out.

A string that is an image by the model's metadata may be a URL: one of an address that a worker may not ask is refused here.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any

import orjson

from app.contract.addresses import Network, refusal
from app.contract.errors import Misconfigured
from app.contract.field_errors import MOST_ERRORS, FieldError, shown

_LONGEST_SCHEME = 16
"""base64 has no colon, so one this near to the start is a URL's."""


Report = Callable[[str, str], None]
Check = Callable[[Any, str, Report], None]
"""Looks at a value under a name and reports what is wrong with it."""


def _number(largest: float, kind: str) -> Check:
    def check(value: Any, name: str, report: Report) -> None:
        if type(value) is not float and type(value) is not int:
            report(name, "must be a number")
        elif not -largest <= value <= largest:
            report(name, f"must be finite and fit a {kind}")

    return check


def _integer(low: int, high: int) -> Check:
    def check(value: Any, name: str, report: Report) -> None:
        if type(value) is not int and not (type(value) is float and abs(value) >= 2**63):
            report(name, "must be an integer")
        elif not low <= value <= high:
            report(name, f"must be an integer from {low} to {high}")

    return check


def _exactly(kind: type, words: str) -> Check:
    def check(value: Any, name: str, report: Report) -> None:
        if type(value) is not kind:
            report(name, f"must be {words}")

    return check


def _image(allowed: Sequence[Network]) -> Check:
    def check(value: Any, name: str, report: Report) -> None:
        if type(value) is not str or not value:
            report(name, "must be an image: base64, a data: URL, or an http(s) URL")
        elif ":" in value[:_LONGEST_SCHEME] and value[:5].lower() != "data:" and (reason := refusal(value, allowed)):
            report(name, reason)

    return check


def _anything(_value: Any, _name: str, _report: Report) -> None:
    return None


_DOUBLE, _FLOAT = 1.7976931348623157e308, 3.4028234663852886e38
_TEXT = _exactly(str, "a string")
_INT32, _INT64 = (-(2**31), 2**31 - 1), (-(2**63), 2**63 - 1)

_CHECKS: dict[str, Check] = {
    "boolean": _exactly(bool, "true or false"),
    "integer": _integer(*_INT32),
    "long": _integer(*_INT64),
    "float": _number(_FLOAT, "float"),
    "double": _number(_DOUBLE, "double"),
    "string": _TEXT,
    "binary": _TEXT,
    "datetime": _TEXT,
    "any": _anything,
}

_SCHEMAS: dict[str, dict[str, Any]] = {
    "boolean": {"type": "boolean"},
    "integer": {"type": "integer", "format": "int32", "minimum": _INT32[0], "maximum": _INT32[1]},
    "long": {"type": "integer", "format": "int64", "minimum": _INT64[0], "maximum": _INT64[1]},
    "float": {"type": "number", "format": "float", "minimum": -_FLOAT, "maximum": _FLOAT},
    "double": {"type": "number", "format": "double"},
    "string": {"type": "string"},
    "binary": {"type": "string", "contentEncoding": "base64"},
    "datetime": {"type": "string"},
    "any": {},
}

_IMAGE_SCHEMA = {
    "type": "string",
    "description": "An image (JPEG, PNG, WebP, GIF, BMP) as base64, as a data: URL, or as an http(s) URL that the worker fetches.",
}

_DTYPES: dict[str, Check] = {
    "bool": _CHECKS["boolean"],
    "float16": _number(65504.0, "float16"),
    "float32": _CHECKS["float"],
    "float64": _CHECKS["double"],
    "str": _TEXT,
    "object": _TEXT,
} | {f"int{n}": _integer(-(2 ** (n - 1)), 2 ** (n - 1) - 1) for n in (8, 16, 32, 64)}
_DTYPES |= {f"uint{n}": _integer(0, 2**n - 1) for n in (8, 16, 32, 64)}


Compiled = tuple[Check, dict[str, Any]]
"""A checker, and the same as a JSON schema."""


class PartSchema:
    """The checker of one part of a body, `features` or `params`, for one model version; `specs` are the signature's."""

    def __init__(self, part: str, specs: list[dict[str, Any]], compiled: Callable[[dict[str, Any]], Compiled]) -> None:
        self._part = part
        self._properties = {str(spec["name"]): compiled(spec) for spec in specs}
        self._checks = tuple(
            (name, f"{part}.{name}", check, bool(spec.get("required", True)))
            for spec, (name, (check, _)) in zip(specs, self._properties.items(), strict=True)
        )

    def errors(self, given: Any) -> list[FieldError]:
        """Returns what is wrong, at most MOST_ERRORS of it; an empty list for what the model takes."""
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
            for name in given.keys() - self._properties.keys():
                report(f"{self._part}.{shown(name)}", f"is none of the model's {self._part}")
        return found

    @property
    def json_schema(self) -> dict[str, Any]:
        """The same as a JSON schema (2020-12)."""
        return {
            "type": "object",
            "additionalProperties": False,
            "properties": {name: schema for name, (_, schema) in self._properties.items()},
            "required": [name for name, _, _, required in self._checks if required],
        }


def compile_inputs(columns: Any, image: str = "", allowed: Sequence[Network] = ()) -> PartSchema:
    """Returns the checker of a signature's `inputs` (MLflow: ColSpecs or named TensorSpecs); raises `Misconfigured` for others.

    `image` names the string that is one, `allowed` the networks that it may be fetched from although they are not public.
    """
    if not columns:
        raise Misconfigured("it has no signature that names its inputs: register it with one")
    if not isinstance(columns, list) or not all(isinstance(c, dict) and c.get("name") for c in columns):
        raise Misconfigured("its signature must name every input")
    known = {image: (_image(allowed), _IMAGE_SCHEMA)} if image else {}
    return _part("features", columns, lambda column: _named(column, known.get(column["name"]) or _compile(column)))


def compile_params(params: Any) -> PartSchema:
    """Returns the checker of a signature's `params` (MLflow: ParamSpecs, each with a default); raises `Misconfigured`."""
    return _part("params", [param | {"required": False} for param in params or ()], _param)


def _part(part: str, specs: list[dict[str, Any]], compiled: Callable[[dict[str, Any]], Compiled]) -> PartSchema:
    try:
        return PartSchema(part, specs, compiled)
    except (KeyError, TypeError, ValueError) as error:
        raise Misconfigured(f"its signature has a type that can't be checked: {error}") from error


def _param(spec: dict[str, Any]) -> Compiled:
    """A scalar, an object, or a list of scalars (shape `[-1]`)."""
    kind = spec | {"type": spec.get("type") or spec["dtype"]}
    check, schema = _compile({"type": "array", "items": kind} if spec.get("shape") else kind)
    told = spec["default"]
    # The page is JSON, and JSON has no NaN: such a default is left out of it.
    return check, schema | ({"default": told} if orjson.loads(orjson.dumps(told)) == told else {})


def _named(spec: dict[str, Any], compiled: Compiled) -> Compiled:
    """A column or property that may be optional, and then null."""
    if spec.get("required", True):
        return compiled
    check, schema = compiled
    nullable = schema | {"type": [schema["type"], "null"]} if "type" in schema else schema
    return lambda value, name, report: None if value is None else check(value, name, report), nullable


def _compile(spec: dict[str, Any]) -> Compiled:
    kind = spec["type"]
    if kind == "tensor":
        dtype, shape = spec["tensor-spec"]["dtype"], tuple(spec["tensor-spec"]["shape"][1:])
        return _tensor(_DTYPES[dtype], shape), _tensor_schema(dtype, shape)
    if kind == "array":
        check, schema = _compile(spec["items"])
        return _array(check, -1), {"type": "array", "items": schema}
    if kind == "object":
        return _object(spec["properties"])
    return _CHECKS[kind], _SCHEMAS[kind]


def _tensor(check: Check, shape: tuple[int, ...]) -> Check:
    for length in reversed(shape):
        check = _array(check, length)
    return check


def _tensor_schema(dtype: str, shape: tuple[int, ...]) -> dict[str, Any]:
    if shape:
        bounds = {} if shape[0] < 0 else {"minItems": shape[0], "maxItems": shape[0]}
        return {"type": "array", "items": _tensor_schema(dtype, shape[1:])} | bounds
    if "int" in dtype:
        bits, signed = int(dtype.rpartition("int")[2]), not dtype.startswith("u")
        low, high = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if signed else (0, 2**bits - 1)
        return {"type": "integer", "minimum": low, "maximum": high}
    return {"type": "boolean" if dtype == "bool" else "string" if dtype in ("str", "object") else "number"}


def _array(check: Check, length: int) -> Check:
    def check_all(value: Any, name: str, report: Report) -> None:
        if type(value) is not list:
            report(name, "must be a list")
        elif length >= 0 and len(value) != length:
            report(name, f"must have {length} items, not {len(value)}")
        elif not _plain_floats(value):
            _each(check, value, name, report)

    def _plain_floats(value: list[Any]) -> bool:
        """Says quickly of a row of ordinary floats that nothing is wrong with it; False says nothing."""
        if check is not _CHECKS["float"] and check is not _CHECKS["double"]:
            return False
        return set(map(type, value)) == {float} and all(map(math.isfinite, value)) and max(map(abs, value)) <= _FLOAT

    return check_all


def _each(check: Check, value: list[Any], name: str, report: Report) -> None:
    """Stops at the first item that is wrong: the rest of a tensor mostly has the same fault."""
    wrong = False

    def once(place: str, message: str) -> None:
        nonlocal wrong
        wrong = True
        report(place, message)

    for i, item in enumerate(value):
        check(item, f"{name}[{i}]", once)
        if wrong:
            return


def _object(properties: dict[str, Any]) -> Compiled:
    parts = {name: (*_named(spec, _compile(spec)), bool(spec.get("required", True))) for name, spec in properties.items()}

    def check_all(value: Any, name: str, report: Report) -> None:
        if type(value) is not dict:
            report(name, "must be an object")
            return
        for key, (check, _, required) in parts.items():
            if key in value:
                check(value[key], f"{name}.{key}", report)
            elif required:
                report(f"{name}.{key}", "is missing")
        for key in value.keys() - parts.keys():
            report(f"{name}.{shown(key)}", "is not known")

    schema = {
        "type": "object",
        "additionalProperties": False,
        "properties": {name: part for name, (_, part, _) in parts.items()},
        "required": [name for name, (_, _, required) in parts.items() if required],
    }
    return check_all, schema
