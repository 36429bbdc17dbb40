"""The quick check and the exact ones agree on every type.

They agree at a type's bounds and beyond, and however deep a value stands.
"""

import json
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inference.models.data_types import COLUMN_TYPES, TENSOR_TYPES, DataType, Form
from inference.models.input_schema import (
    PartSchema,
    compile_inputs,
    compile_params,
    features_schema,
)
from inference.models.quick_check import quick_check_of
from inference.models.signature import ListOf, Property, read_inputs, read_params

WITHOUT_QUICK = {"uint64", "binary", "datetime"}
"""The exact check has these alone: msgspec bounds no integer beyond 64 bits with a sign, and knows
neither base64 nor all of our dates."""


def has_whole_float(part: Any) -> bool:
    """Whether an integer may be written as a float in there, which only the exact check takes."""
    if isinstance(part, dict):
        return any(map(has_whole_float, part.values()))
    if isinstance(part, list):
        return any(map(has_whole_float, part))
    return isinstance(part, float) and part.is_integer()


def around(bound: float) -> list[Any]:
    """A bound, and what stands next to it on either side, as JSON may have it."""
    if isinstance(bound, int):
        return [bound - 1, bound, bound + 1, float(bound)]
    return [bound, bound * (1 + 1e-15), bound * (1 - 1e-15), -bound]


TYPES: dict[str, DataType] = COLUMN_TYPES | TENSOR_TYPES
BOUNDS = [
    value for one in TYPES.values() for bound in (one.low, one.high) for value in around(bound)
]
"""Of every type, since the bound of one may be any number for another."""

scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=5)
    | st.sampled_from(BOUNDS)
    | st.sampled_from([1.0, -0.0, 2**53 + 1, 2**63, 2**64 - 1, 1e19, "", "http://x", "aGk="])
)
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3)
    ),
    max_leaves=8,
)


@st.composite
def fitting(draw: st.DrawFn, one: DataType) -> Any:
    """A value of a type, or now and then any other."""
    likely = {
        Form.BOOLEAN: st.booleans(),
        Form.INTEGER: st.integers(int(one.low), int(one.high)),
        Form.NUMBER: st.floats(one.low, one.high) | st.integers(-1000, 1000),
        Form.STRING: st.text(max_size=3),
        Form.ANY: values,
    }
    return draw(st.one_of(likely[one.form], likely[one.form], values))


def as_a_body_has_it(value: Any) -> Any:
    """Reads the value from JSON as the gateway does.

    An integer of more than 64 bits is a float; NaN needs the lenient reader.
    """
    text = json.dumps(value)
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return json.loads(text)


def agree(schema: PartSchema, quick: bool, part: Any, must_be_quick: bool = True) -> None:
    """Asserts that the quick check takes exactly the right values.

    The answer must be that of the exact checks. Without `must_be_quick` the quick check may leave a
    right value to them.
    """
    exact = schema.exact_errors(part)
    assert not (quick and exact)
    assert quick == (not exact) or not must_be_quick or has_whole_float(part)
    assert schema.errors(part) == exact


def column(name: str, kind: str, required: bool, **more: Any) -> dict[str, Any]:
    return {"name": name, "type": kind, "required": required} | more


@pytest.mark.parametrize("name", COLUMN_TYPES)
@settings(deadline=None, max_examples=60)
@given(st.data(), st.booleans())
def test_they_agree_on_a_column(name: str, data: st.DataObject, required: bool) -> None:
    schema = compile_inputs([column("x", name, required)])
    quick = quick_check_of([Property("x", COLUMN_TYPES[name], required)])
    part = as_a_body_has_it(
        data.draw(st.just({}) | st.fixed_dictionaries({"x": fitting(COLUMN_TYPES[name])}) | values)
    )
    agree(schema, quick(part), part, name not in WITHOUT_QUICK)


@pytest.mark.parametrize("name", TENSOR_TYPES)
@pytest.mark.parametrize("length", [-1, 2])
@settings(deadline=None, max_examples=40)
@given(st.data())
def test_they_agree_on_a_tensor(name: str, length: int, data: st.DataObject) -> None:
    spec = {"dtype": name, "shape": [-1, 2, length]}
    schema = compile_inputs([column("x", "tensor", True, **{"tensor-spec": spec})])
    quick = quick_check_of([Property("x", ListOf(ListOf(TENSOR_TYPES[name], length), 2), True)])
    row = st.lists(fitting(TENSOR_TYPES[name]), min_size=2, max_size=2)
    part = as_a_body_has_it({"x": data.draw(st.lists(row, min_size=2, max_size=2) | values)})
    agree(schema, quick(part), part, name not in WITHOUT_QUICK)


@pytest.mark.parametrize("bound", BOUNDS, ids=repr)
def test_they_agree_at_every_bound(bound: Any) -> None:
    for name in COLUMN_TYPES:
        part = as_a_body_has_it({"x": bound})
        agree(
            compile_inputs([column("x", name, True)]),
            quick_check_of([Property("x", COLUMN_TYPES[name], True)])(part),
            part,
            name not in WITHOUT_QUICK,
        )
    for name in TENSOR_TYPES:
        part, spec = as_a_body_has_it({"x": [bound]}), {"dtype": name, "shape": [-1, 1]}
        quick = quick_check_of([Property("x", ListOf(TENSOR_TYPES[name], 1), True)])
        agree(
            compile_inputs([column("x", "tensor", True, **{"tensor-spec": spec})]),
            quick(part),
            part,
            name not in WITHOUT_QUICK,
        )


DEEP = {
    "a": {
        "type": "array",
        "items": {"type": "object", "properties": {"b": {"type": "long", "required": False}}},
    },
    "b": {
        "type": "object",
        "properties": {"a": {"type": "double"}, "c": {"type": "any", "required": False}},
        "required": False,
    },
    "not a name of Python's": {"type": "string", "required": False},
}


@settings(deadline=None, max_examples=100)
@given(
    st.fixed_dictionaries(
        {
            "a": st.lists(
                st.dictionaries(st.sampled_from("ab"), st.none() | st.integers(-9, 9), max_size=1),
                max_size=2,
            )
            | values
        },
        optional={
            "b": st.none()
            | st.fixed_dictionaries({"a": st.floats()}, optional={"c": values})
            | values,
            "not a name of Python's": st.none() | st.text(max_size=3),
            "other": values,
        },
    )
)
def test_they_agree_on_arrays_and_objects(given_object: dict[str, Any]) -> None:
    inputs = read_inputs([column("x", "object", True, properties=DEEP)])
    schema = features_schema(inputs)
    part = as_a_body_has_it({"x": given_object})
    agree(schema, quick_check_of([Property("x", inputs[0].kind, True)])(part), part)


@settings(deadline=None, max_examples=100)
@given(
    st.dictionaries(
        st.sampled_from(["depth", "scales", "other"]),
        st.integers(-9, 9) | st.lists(st.floats(), max_size=2) | values,
    )
)
def test_they_agree_on_parameters_where_null_is_none(params: dict[str, Any]) -> None:
    specs = [
        {"name": "depth", "type": "long", "default": 1, "shape": None},
        {"name": "scales", "dtype": "double", "default": [], "shape": [-1]},
    ]
    properties = [
        Property(one.name, one.kind, False, never_null=one.default is not None)
        for one in read_params(specs)
    ]
    part = as_a_body_has_it(params)
    agree(compile_params(specs), quick_check_of(properties)(part), part)
