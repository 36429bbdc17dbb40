"""A model's signature as MLflow registers it, read from its JSON.

It has columns, tensors and parameters, each with its kind of value.

A kind is a type, a list of a kind, a map to a kind, or an object whose properties have kinds.
Checkers, JSON schemas and the worker's conversion are made from kinds, so that nobody else reads
the signature's JSON.

MLflow names all inputs of a signature or none. Here an unnamed one has its place as its name.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from operator import index
from typing import Any, TypeVar

from inference.errors import Misconfigured
from inference.models.data_types import COLUMN_TYPES, HINTED_DATE, TENSOR_TYPES, DataType, Form


class InputForm(Enum):
    """What `features` is in a request."""

    NAMED = "an object of the inputs by their names"
    LIST = "a list of the unnamed columns in order"
    VALUE = "the one unnamed input itself"


@dataclass(frozen=True, slots=True)
class ListOf:
    """A list of `length` items; -1 is any length."""

    item: "Kind"
    length: int = -1


@dataclass(frozen=True, slots=True)
class MapOf:
    """An object of any names, whose values are of one kind."""

    item: "Kind"


@dataclass(frozen=True, slots=True)
class Property:
    """One property of an object; an optional one may be left out, or null.

    Of a type hint's object any property may be left out: the signature does not say which of them
    have a default. `never_null` are those that may be left out and not be null.
    """

    name: str
    kind: "Kind"
    required: bool
    never_null: bool = False


@dataclass(frozen=True, slots=True)
class ObjectOf:
    """An object of these properties and no others."""

    properties: tuple[Property, ...]


Kind = DataType | ListOf | MapOf | ObjectOf


@dataclass(frozen=True, slots=True)
class Column:
    """One column of the input, by MLflow's type names (`double`, `long`, `string`, …)."""

    name: str
    type: str
    required: bool
    spec: Mapping[str, Any] = field(default_factory=dict)
    """As it stands in the signature, with an array's `items` or an object's `properties`."""
    label: Any = None
    """What the model's frame calls it where that is no text: a number, or its place."""
    hinted: bool = False
    """It is an element of a list that the model's type hint describes."""
    path: str = ""
    """Where an unnamed one stands in a request."""
    kind: Kind = field(init=False, compare=False)

    def __post_init__(self) -> None:
        kind = _kind(self.type, self.spec, self.hinted)
        if isinstance(kind, DataType) and kind.form is Form.INTEGER and not self.hinted:
            kind = replace(kind, whole_floats=True)
        object.__setattr__(self, "kind", kind)

    @property
    def key(self) -> Any:
        """The name of the frame's column."""
        return self.name if self.label is None else self.label

    @property
    def field(self) -> str:
        """The field of a request that it is."""
        return self.path or f"features.{self.name}"


@dataclass(frozen=True, slots=True)
class Tensor:
    """One array of the input; `shape` begins with the batch, -1 is any length."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    required: bool = True
    path: str = ""
    """As a column's."""

    @property
    def field(self) -> str:
        """The field of a request that it is."""
        return self.path or f"features.{self.name}"

    @property
    def kind(self) -> Kind:
        """The kind of one input, which is one row: without the batch's dimension."""
        kind: Kind = TENSOR_TYPES[self.dtype]
        for length in reversed(self.shape[1:]):
            kind = ListOf(kind, length)
        return kind


def form_of(inputs: Sequence[Mapping[str, Any]]) -> InputForm:
    """Returns what `features` is for a signature's `inputs`; raises `Misconfigured`."""
    named = [spec.get("name") is not None for spec in inputs]
    if all(named):
        return InputForm.NAMED
    if any(named):
        raise Misconfigured("its signature must name every input, or none")
    if len(inputs) == 1:
        return InputForm.VALUE
    if any(spec.get("type") == "tensor" for spec in inputs):
        raise Misconfigured("its signature must name its tensors where it has several")
    return InputForm.LIST


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


def read_inputs(inputs: Any, hinted: bool = False) -> tuple[Column | Tensor, ...]:
    """Reads a signature's `inputs` (MLflow: ColSpecs or TensorSpecs).

    `hinted`: it was made from a type hint. Raises `Misconfigured`.
    """
    if not inputs:
        raise Misconfigured("it has no signature of its inputs: register it with one")
    if not isinstance(inputs, list) or not all(isinstance(spec, dict) for spec in inputs):
        raise Misconfigured("its signature's inputs are no list of columns or tensors")
    form = form_of(inputs)
    try:
        return _distinct(
            tuple(_input(spec, place, form, hinted) for place, spec in enumerate(inputs))
        )
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


def _input(spec: Mapping[str, Any], place: int, form: InputForm, hinted: bool) -> Column | Tensor:
    name, required = spec.get("name", place), bool(spec.get("required", True))
    path = {InputForm.LIST: f"features[{place}]", InputForm.VALUE: "features"}.get(form, "")
    if spec["type"] != "tensor":
        label = None if isinstance(name, str) else name
        return Column(str(name), spec["type"], required, spec, label, hinted, path)
    dtype, shape = spec["tensor-spec"]["dtype"], spec["tensor-spec"]["shape"]
    lengths = tuple(map(index, shape))
    return Tensor(str(name), TENSOR_TYPES[dtype].name, lengths, required, path)


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


def _kind(name: str, spec: Mapping[str, Any], hinted: bool = False) -> Kind:
    if name == "array":
        return ListOf(_kind(spec["items"]["type"], spec["items"], hinted))
    if name == "map":
        return MapOf(_kind(spec["values"]["type"], spec["values"], hinted))
    if name == "object":
        return ObjectOf(
            tuple(_property(key, inner, hinted) for key, inner in spec["properties"].items())
        )
    return HINTED_DATE if hinted and name == "datetime" else COLUMN_TYPES[name]


def _property(name: str, spec: Mapping[str, Any], hinted: bool) -> Property:
    required = bool(spec.get("required", True))
    kind = _kind(spec["type"], spec, hinted)
    return Property(name, kind, required and not hinted, never_null=required and hinted)


def _unknown(error: Exception) -> Misconfigured:
    return Misconfigured(f"its signature has a type that can't be checked: {error}")
