"""What the door takes the worker takes, and what is wrong is refused at the door by its name.

So nothing that passed the door fails later for its form. `wrong` has twenty values for each type.
"""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inference.models.data_types import COLUMN_TYPES, TENSOR_TYPES
from inference.models.input_schema import compile_inputs
from inference.models.signature import Column, Tensor, read_inputs
from worker.models.inputs import column_values, tensor_values

NO_SCALAR: list[Any] = [[], [1], ["a"], [[1]], {}, {"a": 1}, {"x": {}}]
NO_NUMBER: list[Any] = [True, False, "", "1", "1.0", "NaN", "é", "null", *NO_SCALAR]
HUGE: list[Any] = [float("nan"), float("inf"), float("-inf"), 10**400, -(10**400)]
NO_TEXT: list[Any] = [True, False, 0, 1, -1, 1.5, 2**63, float("nan"), 1e300, -0.0, 10**30]
NO_DATE: list[Any] = ["", " ", "soon", "2026", "2026-13-01", "2026-02-30", "01/02/2026", "25:00"]
NO_BASE64: list[Any] = ["a", "aGk", "aGk==", "a-_b", "é", "=", "====", "aGk=aGk", "aG!="]
WRONG: dict[str, list[Any]] = {
    "boolean": [0, 1, 1.0, "true", "false", "yes", "", "0", *NO_SCALAR, *HUGE, 2],
    "integer": [*NO_NUMBER, *HUGE, 2**31, -(2**31) - 1, 0.5, 1e10],
    "long": [*NO_NUMBER, *HUGE, 2**63, -(2**63) - 1, 0.5, 1e19],
    "float": [*NO_NUMBER, *HUGE, 3.5e38, -3.5e38],
    "double": [*NO_NUMBER, *HUGE],
    "string": [*NO_TEXT, *NO_SCALAR, *HUGE],
    "binary": [*NO_BASE64, *NO_TEXT],
    "datetime": [*NO_DATE, "1677-09-21", "2262-04-12", "2026-01-31T10:00:00.1234567891", *NO_TEXT],
}
TENSORS_WRONG: dict[str, list[Any]] = {
    "bool": WRONG["boolean"],
    "str": WRONG["string"],
    **{f"int{bits}": [*NO_NUMBER, *HUGE, 2 ** (bits - 1), 0.5] for bits in (8, 16, 32, 64)},
    **{f"uint{bits}": [*NO_NUMBER, *HUGE, 2**bits, -1, 0.5] for bits in (8, 16, 32, 64)},
    **{f"float{bits}": [*NO_NUMBER, *HUGE] for bits in (16, 32, 64)},
    "object": WRONG["string"],
}
SPECS: dict[str, dict[str, Any]] = {
    **{name: {"type": name} for name in WRONG},
    "any": {"type": "any"},
    "list": {"type": "array", "items": {"type": "double"}},
    "dates": {"type": "array", "items": {"type": "datetime"}},
    "map": {"type": "map", "values": {"type": "binary"}},
    "object": {
        "type": "object",
        "properties": {
            "n": {"type": "integer", "required": False},
            "when": {"type": "datetime", "required": True},
        },
    },
}
values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.integers(-5, 5).map(float)
    | st.text(max_size=4)
    | st.sampled_from(["aGk=", "aG\nk=", "", *NO_DATE, *NO_BASE64])
    | st.datetimes().map(lambda moment: moment.isoformat())
    | st.dates().map(lambda day: day.isoformat())
    | st.integers(0, 10**9 - 1).map(lambda ns: f"2026-01-31T10:00:00.{ns:09}Z"),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["n", "when", "x"]), inner, max_size=3)
    ),
    max_leaves=6,
)


def refused(inputs: list[dict[str, Any]], features: Any) -> list[str]:
    return [error.field for error in compile_inputs(inputs).errors(features)]


@pytest.mark.parametrize("name", COLUMN_TYPES.keys() - {"any"})
def test_twenty_wrong_values_of_a_column_are_refused_at_the_door(name: str) -> None:
    assert len(WRONG[name]) >= 20
    for value in [None, *WRONG[name]]:
        assert refused([{"name": "x", "type": name}], {"x": value}) == ["features.x"], value


@pytest.mark.parametrize("name", TENSOR_TYPES)
def test_twenty_wrong_values_of_a_tensor_are_refused_at_the_door(name: str) -> None:
    wrong = TENSORS_WRONG[name]
    assert len(wrong) >= 20
    spec = {"type": "tensor", "tensor-spec": {"dtype": name, "shape": [-1, 2]}}
    for value in [None, *wrong]:
        assert refused([spec], [value, value]) == ["features[0]"], value


@pytest.mark.parametrize("hinted", [False, True])
@pytest.mark.parametrize("name", SPECS)
@settings(deadline=None, max_examples=40)
@given(value=values)
def test_what_the_door_takes_of_a_column_the_worker_takes(
    name: str, hinted: bool, value: Any
) -> None:
    spec = SPECS[name] | ({} if hinted else {"name": "x"})
    if not compile_inputs([spec], hinted=hinted).errors(value if hinted else {"x": value}):
        (column,) = read_inputs([spec], hinted)
        assert isinstance(column, Column)
        column_values([column], {column.name: value})


@pytest.mark.parametrize("name", TENSOR_TYPES)
@settings(deadline=None, max_examples=25)
@given(row=st.lists(values, min_size=2, max_size=2))
def test_what_the_door_takes_of_a_tensor_the_worker_takes(name: str, row: list[Any]) -> None:
    spec = {"type": "tensor", "tensor-spec": {"dtype": name, "shape": [-1, 2]}}
    if not compile_inputs([spec]).errors(row):
        (tensor,) = read_inputs([spec])
        assert isinstance(tensor, Tensor)
        tensor_values([tensor], {tensor.name: row})
