"""Pyfunc models with tensors of every form: scalars, images, texts, lengths that differ."""

from collections.abc import Callable
from typing import Any

from testkit.conformance.cases import Case, Input, inputs, named_inputs
from testkit.conformance.inputs import NAN, UNICODE, of_a_tensor, without
from testkit.conformance.models.columns import seen
from testkit.conformance.models.sklearn_models import TENSORS

Part = tuple[str | None, str, tuple[int, ...]]


def _log(*parts: Part) -> Callable[[str], None]:
    def make(name: str) -> None:
        import numpy as np
        from mlflow.types import TensorSpec

        seen(name, [TensorSpec(np.dtype(dtype), shape, part) for part, dtype, shape in parts])

    return make


def _each(*values: Any) -> list[Input]:
    return [Input(f"value {place}", value) for place, value in enumerate(values, 1)]


def _of_several() -> list[Input]:
    row = {"x": [0.5, 1.5], "n": 3, "flag": [True]}
    changes: list[tuple[str, str, Any]] = [
        ("an integer for a number", "x", [1, 2]),
        ("too long", "x", [1.0, 2.0, 3.0]),
        ("3.0 for an integer", "n", 3.0),
        ("an integer beyond", "n", 2**31),
        ("a text", "n", "3"),
        ("null", "n", None),
        ("1 for true", "flag", [1]),
        ("a list for a number", "n", [3]),
    ]
    return [
        Input("ordinary", row),
        *(Input(label, row | {name: value}) for label, name, value in changes),
        Input("one is missing", without(row, "flag")),
        Input("one more", row | {"y": 1}),
    ]


RED, BLUE = [255, 0, 0], [0, 0, 255]
SCALARS = _each(0.5, -2, 1e308, 5e-324, 3, "0.5", True, None, [0.5], NAN)
INTEGERS = _each(5, -128, 127, 128, -129, 3.0, 3.5, "5", True, None)
IMAGES = _each(
    [[RED, BLUE], [BLUE, RED]],
    [[[1, 2, 3], [4, 5, 6]], [[7, 8, 9], [10, 11, 12]]],
    [[RED, BLUE], [BLUE, [0, 0, 256]]],
    [[RED, BLUE], [BLUE, [0, 0, -1]]],
    [[RED, BLUE], [BLUE, [0, 0, 1.0]]],
    [[RED, BLUE], [BLUE, [0, 0, 1.5]]],
    [[RED, BLUE], [BLUE, [0, 0]]],
    [[RED, BLUE]],
    [RED, BLUE],
    None,
)
TEXTS = _each(
    ["good", "tea"],
    ["", UNICODE],
    ["a much longer text", "x"],
    ["a"],
    ["a", "b", "c"],
    ["a", 7],
    ["a", None],
    "ab",
    [["a", "b"]],
)
LENGTHS = _each([0.5], [0.5, 1.5], [], [1, 2, 3, 4], [0.1] * 100, ["1"], [None], 0.5, [[0.5]])
SEVERAL: list[Part] = [("x", "float64", (-1, 2)), ("n", "int32", (-1,)), ("flag", "bool", (-1, 1))]
PY = "pyfunc"
CASES = [
    Case("py-tensors", PY, "named tensors", _log(*SEVERAL), _of_several(), named_inputs),
    Case(
        "py-tensor",
        PY,
        "an unnamed tensor",
        _log((None, "float32", (-1, 3))),
        of_a_tensor(TENSORS),
        inputs,
    ),
    Case("py-scalars", PY, "tensor: scalars", _log((None, "float64", (-1,))), SCALARS, inputs),
    Case("py-int8", PY, "tensor: int8", _log((None, "int8", (-1,))), INTEGERS, inputs),
    Case("py-images", PY, "tensor: uint8", _log((None, "uint8", (-1, 2, 2, 3))), IMAGES, inputs),
    Case("py-words", PY, "tensor: strings", _log((None, "str", (-1, 2))), TEXTS, inputs),
    Case(
        "py-lengths", PY, "tensor: any length", _log((None, "float32", (-1, -1))), LENGTHS, inputs
    ),
]
