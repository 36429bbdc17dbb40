"""Tests the compiled checker.

It is strict on every type of MLflow's signatures, and agrees with the JSON schema it shows.
"""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema_rs import is_valid

from inference.errors import Misconfigured
from inference.models.input_schema import compile_inputs, compile_params

SCALARS = ["boolean", "integer", "long", "float", "double", "string", "binary", "datetime", "any"]


def wrong(spec: dict[str, Any], value: Any) -> list[str]:
    """The fields that are wrong with one input of that spec."""
    return [
        error.field
        for error in compile_inputs([{"name": "x", "required": True} | spec]).errors({"x": value})
    ]


@pytest.mark.parametrize(
    ("kind", "good", "bad"),
    [
        ("boolean", [True], [1, "true", None]),
        ("integer", [0, -(2**31), 3.0], [2**31, 1.5, True, "1"]),
        ("long", [2**63 - 1, -2.0], [2**63, 0.5, False, 1e30, -(2.0**63)]),
        ("float", [1, 0.5], [1e39, True, float("nan"), "0"]),
        ("double", [1, -1.5e308], [float("inf"), float("nan"), 10**400, False, None]),
        ("string", ["", "\u0000"], [1, None, []]),
        ("any", [None, {"a": [1]}], []),
        ("binary", ["", "YWI=", "YW\nI=\n"], ["YWI", "é", "a-_b", 1]),
        (
            "datetime",
            ["2026-01-31", "2026-01-31T10:00:00.123456789+02:00", "2262-04-11T23:47:16Z"],
            ["", "soon", 20260131, "2262-04-12", "1677-09-21", "2026-01-31T10:00:00.1234567891"],
        ),
    ],
)
def test_types_are_strict(kind: str, good: list[Any], bad: list[Any]) -> None:
    assert all(wrong({"type": kind}, value) == [] for value in good)
    assert all(wrong({"type": kind}, value) == ["features.x"] for value in bad)


def tensor(dtype: str, *shape: int) -> dict[str, Any]:
    return {"type": "tensor", "tensor-spec": {"dtype": dtype, "shape": [-1, *shape]}}


def test_a_tensor_is_one_row_of_the_right_shape() -> None:
    assert wrong(tensor("float32", 2, 3), [[1, 2.5, 3], [4.0, 5.0, 6.0]]) == []
    assert wrong(tensor("float32", 2, 3), [[1, 2, 3]]) == ["features.x"]
    assert wrong(tensor("float32", 2, 3), [[1, 2, 3], [4, 5]]) == ["features.x[1]"]
    assert wrong(tensor("float32", 2, 2), [[1.0, 2.0], [1.0, True]]) == ["features.x[1][1]"]
    assert wrong(tensor("float32", 2), [1.0, float("inf")]) == ["features.x[1]"]
    assert wrong(tensor("float32", 2), [1.0, 1e39]) == ["features.x[1]"]
    assert wrong(tensor("float32", -1), [1.0] * 1000) == []
    assert wrong(tensor("uint8", 2), [0, 256]) == ["features.x[1]"]
    assert wrong(tensor("int64"), 3) == []
    assert wrong(tensor("bool", 1), [1]) == ["features.x[0]"]
    assert wrong(tensor("str", 1), ["a"]) == []


def test_arrays_and_objects_are_looked_into() -> None:
    spec = {
        "type": "object",
        "properties": {
            "a": {"type": "array", "items": {"type": "long"}},
            "b": {"type": "string", "required": False},
        },
    }
    assert wrong(spec, {"a": [1, 2]}) == []
    assert wrong(spec, {"a": [1, "2"], "c": 1}) == ["features.x.a[1]", "features.x.c"]
    assert wrong(spec, {}) == ["features.x.a"]
    assert wrong(spec, []) == ["features.x"]


KINDS: list[dict[str, Any]] = [
    *({"type": kind} for kind in SCALARS if kind != "any"),
    {"type": "array", "items": {"type": "double"}},
    {"type": "object", "properties": {"a": {"type": "long"}}},
]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind["type"])
def test_null_means_left_out_where_a_value_is_optional_however_deep_and_nowhere_else(
    kind: dict[str, Any],
) -> None:
    deep = {
        "type": "object",
        "properties": {"y": kind | {"required": False}, "z": kind | {"required": False}},
    }
    inputs: list[dict[str, Any]] = [
        {"name": "x", "required": False} | kind,
        {"name": "deep", "type": "array", "items": deep},
    ]
    optional = compile_inputs(inputs)
    left_out: list[dict[str, Any]] = [{"x": None, "deep": [{"y": None}, {}]}, {"deep": []}]
    for features in left_out:
        assert optional.errors(features) == []
        assert is_valid(optional.json_schema, features)
    required = compile_inputs([column | {"required": True} for column in inputs])
    assert [error.field for error in required.errors({"x": None, "deep": None})] == [
        "features.x",
        "features.deep",
    ]
    assert wrong({"type": "array", "items": kind}, [None]) == ["features.x[0]"]
    assert not is_valid(required.json_schema, {"x": None, "deep": []})


def test_null_is_a_parameter_only_where_it_is_the_default() -> None:
    params = compile_params(
        [
            {"name": "horizon", "type": "long", "default": 1, "shape": None},
            {"name": "seed", "type": "long", "default": None, "shape": None},
        ]
    )
    given = {"horizon": None, "seed": None}
    assert [error.field for error in params.errors(given)] == ["params.horizon"]
    assert params.errors({"horizon": 2, "seed": None}) == []
    assert is_valid(params.json_schema, {"seed": None})
    assert not is_valid(params.json_schema, given)


@pytest.mark.parametrize(
    "inputs",
    [
        None,
        [],
        [{"type": "double", "name": "x"}, {"type": "double"}],
        [{"type": "odd", "name": "x"}],
        [{"type": "double", "name": 0}, {"type": "double", "name": "0"}],
        {"a": 1},
        [{"type": "tensor", "name": "x"}],
    ],
)
def test_a_signature_that_cannot_be_checked_is_refused(inputs: Any) -> None:
    with pytest.raises(Misconfigured):
        compile_inputs(inputs)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=8,
)


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(st.sampled_from(SCALARS), min_size=1, max_size=4),
    st.dictionaries(st.sampled_from(["c0", "c1", "c2", "zz"]), json_values),
)
def test_any_value_gets_an_answer(kinds: list[str], features: dict[str, Any]) -> None:
    schema = compile_inputs([{"type": kind, "name": f"c{i}"} for i, kind in enumerate(kinds)])
    wrong_fields = {error.field for error in schema.errors(features)}
    missing = {f"features.c{i}" for i in range(len(kinds)) if f"c{i}" not in features}
    assert missing <= wrong_fields
    assert schema.json_schema["required"] == [f"c{i}" for i in range(len(kinds))]
