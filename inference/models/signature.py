"""A model's signature as MLflow registers it, read from its JSON.

It has columns, tensors and parameters, each with its kind of value.

A kind is a type, a list of a kind, or an object whose properties have kinds. Checkers, JSON schemas
and the worker's conversion are made from kinds, so that nobody else reads the signature's JSON.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from operator import index
from typing import Any, TypeVar

from inference.errors import Misconfigured
from inference.models.data_types import COLUMN_TYPES, TENSOR_TYPES, DataType


@dataclass(frozen=True, slots=True)
class ListOf:
    """A list of `length` items; -1 is any length."""

    item: "Kind"
    length: int = -1


@dataclass(frozen=True, slots=True)
class Property:
    """One property of an object; an optional one may be left out, or null."""

    name: str
    kind: "Kind"
    required: bool


@dataclass(frozen=True, slots=True)
class ObjectOf:
    """An object of these properties and no others."""

    properties: tuple[Property, ...]


Kind = DataType | ListOf | ObjectOf


@dataclass(frozen=True, slots=True)
class Column:
    """One column of the input, by MLflow's type names (`double`, `long`, `string`, …)."""

    name: str
    type: str
    required: bool
    spec: Mapping[str, Any] = field(default_factory=dict)
    """As it stands in the signature, with an array's `items` or an object's `properties`."""
    kind: Kind = field(init=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "kind", _kind(self.type, self.spec))


@dataclass(frozen=True, slots=True)
class Tensor:
    """One array of the input; `shape` begins with the batch, -1 is any length."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    required: bool = True

    @property
    def kind(self) -> Kind:
        """The kind of one input, which is one row: without the batch's dimension."""
        kind: Kind = TENSOR_TYPES[self.dtype]
        for length in reversed(self.shape[1:]):
            kind = ListOf(kind, length)
        return kind


@dataclass(frozen=True, slots=True)
class Param:
    """One of the parameters that a request may set; `many` are a list."""

    name: str
    type: str
    many: bool
    default: Any
    spec: Mapping[str, Any] = field(default_factory=dict)
    """As a column's."""
    item: Kind = field(init=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "item", _kind(self.type, self.spec))

    @property
    def kind(self) -> Kind:
        """The kind of what a request sets: `item`, or a list of it."""
        return ListOf(self.item) if self.many else self.item


Part = TypeVar("Part", Param, Column | Tensor)


def read_inputs(inputs: Any) -> tuple[Column | Tensor, ...]:
    """Reads a signature's `inputs` (MLflow: ColSpecs or named TensorSpecs).

    Raises `Misconfigured`.
    """
    if not inputs:
        raise Misconfigured("it has no signature that names its inputs: register it with one")
    if not isinstance(inputs, list) or not all(
        isinstance(spec, dict) and spec.get("name") for spec in inputs
    ):
        raise Misconfigured("its signature must name every input")
    try:
        return _distinct(tuple(map(_input, inputs)))
    except (KeyError, TypeError, ValueError) as error:
        raise _unknown(error) from error


def read_params(params: Any) -> tuple[Param, ...]:
    """Reads a signature's `params` (MLflow: ParamSpecs, each with a default).

    Raises `Misconfigured`.
    """
    specs = [dict(spec) for spec in params or ()]
    try:
        return _distinct(tuple(map(_param, specs)))
    except (KeyError, TypeError, ValueError) as error:
        raise _unknown(error) from error


def _input(spec: Mapping[str, Any]) -> Column | Tensor:
    name, required = str(spec["name"]), bool(spec.get("required", True))
    if spec["type"] != "tensor":
        return Column(name, spec["type"], required, spec)
    dtype, shape = spec["tensor-spec"]["dtype"], spec["tensor-spec"]["shape"]
    return Tensor(name, TENSOR_TYPES[dtype].name, tuple(map(index, shape)), required)


def _param(spec: Mapping[str, Any]) -> Param:
    return Param(
        str(spec["name"]),
        spec.get("type") or spec["dtype"],
        bool(spec.get("shape")),
        spec["default"],
        spec,
    )


def _distinct(parts: tuple[Part, ...]) -> tuple[Part, ...]:
    names = [part.name for part in parts]
    if len(set(names)) != len(names):
        raise ValueError("two of one name")
    return parts


def _kind(name: str, spec: Mapping[str, Any]) -> Kind:
    if name == "array":
        return ListOf(_kind(spec["items"]["type"], spec["items"]))
    if name == "object":
        return ObjectOf(tuple(_property(key, inner) for key, inner in spec["properties"].items()))
    return COLUMN_TYPES[name]


def _property(name: str, spec: Mapping[str, Any]) -> Property:
    return Property(name, _kind(spec["type"], spec), bool(spec.get("required", True)))


def _unknown(error: Exception) -> Misconfigured:
    return Misconfigured(f"its signature has a type that can't be checked: {error}")
