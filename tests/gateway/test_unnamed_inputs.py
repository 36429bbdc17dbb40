"""Tests the checker of inputs that have no names, odd names, or a type hint's types.

The signatures are what MLflow writes for arrays, lists, frames without names and type hints.
"""

from typing import Any

import pytest
from jsonschema_rs import is_valid

from app.checking.request_check import Bounds, check, most_weight
from inference.models.input_schema import PartSchema, compile_inputs, compile_params

DOUBLES = [{"type": "double"}, {"type": "double"}, {"type": "long"}]
TENSOR = [{"type": "tensor", "tensor-spec": {"dtype": "float64", "shape": [-1, 2, 2]}}]
TEXT = [{"type": "string"}]
SCORES = [{"type": "map", "values": {"type": "double"}, "name": "scores"}]
MESSAGE = [
    {
        "type": "object",
        "properties": {
            "role": {"type": "string", "required": True},
            "n": {"type": "long", "required": True},
            "note": {"type": "string", "required": False},
        },
    }
]


def fields(schema: PartSchema, given: Any) -> list[str]:
    return [error.field for error in schema.errors(given)]


@pytest.mark.parametrize(
    ("inputs", "good", "bad"),
    [
        (
            DOUBLES,
            [[1.5, 2, 3], [0, 0, 3.0]],
            {
                "features": [[1.5, 2], [1, 2, 3, 4], {"0": 1}, None, "abc"],
                "features[2]": [[1, 2, 3.5], [1, 2, None]],
                "features[0]": [["x", 2, 3], [None, 1, 2]],
            },
        ),
        (
            TENSOR,
            [[[1, 2], [3.5, 4]]],
            {
                "features": [[], [[1, 2]], 7, {"a": 1}],
                "features[1]": [[[1, 2], [3]]],
                "features[0][1]": [[[1, "2"], [3, 4]]],
            },
        ),
        (TEXT, ["", "a text"], {"features": [1, ["a"], {"a": "b"}, None]}),
        (
            SCORES,
            [{"scores": {}}, {"scores": {"a": 1, "b.c": 0.5}}],
            {
                "features.scores": [{"scores": []}, {}],
                "features.scores.a": [{"scores": {"a": "1"}}, {"scores": {"a": None}}],
            },
        ),
    ],
    ids=["columns", "tensor", "text", "map"],
)
def test_features_are_the_unnamed_input_itself(
    inputs: Any, good: list[Any], bad: dict[str, list[Any]]
) -> None:
    schema = compile_inputs(inputs)
    for given in good:
        assert schema.errors(given) == schema.exact_errors(given) == []
        assert is_valid(schema.json_schema, given)
    for field, values in bad.items():
        for given in values:
            assert field in fields(schema, given), given
            assert not is_valid(schema.json_schema, given), given


@pytest.mark.parametrize("name", [0, 7, "", "a.b", "features", "x y", "né", "__class__", "0"])
def test_a_column_is_a_column_whatever_its_name(name: Any) -> None:
    schema = compile_inputs([{"type": "double", "name": name, "required": True}])
    assert fields(schema, {str(name): 1.5}) == []
    assert fields(schema, {str(name): "x"}) == [f"features.{name}"]
    assert fields(schema, {}) == [f"features.{name}"]


def test_of_a_type_hint_s_object_any_property_may_have_a_default() -> None:
    """MLflow calls a pydantic field with a default required, and lets its caller leave it out."""
    schema = compile_inputs(MESSAGE, hinted=True)
    for given in ({"role": "user"}, {"role": "user", "n": 1, "note": None}, {}):
        assert fields(schema, given) == []
        assert is_valid(schema.json_schema, given)
    for wrong in ({"role": "user", "n": None}, {"n": 3.0}, {"n": 1, "other": 2}):
        assert len(fields(schema, wrong)) == 1
    assert fields(compile_inputs(MESSAGE), {"role": "user"}) == ["features.n"]


class Served:
    """One model, as a gateway serves it."""

    default, names, name, has_feature_table = "digits", ["digits"], "digits", True

    def __init__(self, inputs: Any) -> None:
        self.features = compile_inputs(inputs)
        self.params = compile_params([{"name": "k", "type": "long", "default": None}])
        self.models = {"digits": self}

    def pool_of(self, asked: Any) -> str:
        return "digits" if asked == "digits" else ""


def test_null_is_a_field_that_is_left_out() -> None:
    served, bounds = Served(TENSOR), Bounds(10_000, 20, 60.0)
    nulls = b'"params": null, "model": null, "priority": null, "time_to_start_s": null'
    for given in (b'"features": [[1, 2], [3, 4]], "match_id": null', b'"match_id": 7'):
        checks = [
            check(b"{" + body + b"}", served, bounds, keyed=True, whole=False)
            for body in (given, given + b", " + nulls)
        ]
        assert checks[0] == checks[1]


def test_what_an_unnamed_input_may_weigh_is_known_where_its_lengths_are() -> None:
    assert most_weight(Served(TENSOR), 10**6) < 100
    assert most_weight(Served(DOUBLES), 10**6) < 100
    assert most_weight(Served(SCORES), 10**6) > 100_000
