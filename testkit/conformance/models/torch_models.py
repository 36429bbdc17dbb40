"""Modules of torch, exported (pt2) or pickled."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from testkit.conformance.cases import (
    Case,
    Input,
    dataframe_split,
    inputs,
    named_inputs,
)
from testkit.conformance.inputs import of_a_tensor, of_doubles
from testkit.conformance.models.sklearn_models import ROWS, TENSORS

UNNAMED = [("", "float32", (-1, 3))]


def _log(name: str, kind: str, tensors: Sequence[tuple[str, str, tuple[int, ...]]]) -> None:
    """Logs one of the modules with a signature of tensors, exported with an example of two rows."""
    import mlflow.pytorch
    import numpy as np
    from mlflow.models import ModelSignature
    from mlflow.types import Schema, TensorSpec

    from testkit.conformance.modules import MODULES

    specs: list[Any] = [
        TensorSpec(np.dtype(dtype), shape, tensor or None) for tensor, dtype, shape in tensors
    ]
    examples = [
        np.ones([2 if size < 0 else size for size in shape], dtype) for _, dtype, shape in tensors
    ]
    mlflow.pytorch.log_model(
        MODULES[kind](),
        name=name,
        signature=ModelSignature(Schema(specs)),
        input_example=examples[0] if len(examples) == 1 else examples,
        registered_model_name=name,
        pip_requirements=[],
        serialization_format="pickle" if "pickled" in name else "pt2",
    )


def columns(name: str) -> None:
    """Named columns of doubles, as a network for tables has them."""
    import mlflow.pytorch
    import pandas as pd
    from mlflow.models import infer_signature

    from testkit.conformance.modules import MODULES

    table = pd.DataFrame(ROWS[:2])
    mlflow.pytorch.log_model(
        MODULES["pair"](),
        name=name,
        signature=infer_signature(table),
        input_example=table.to_numpy("float32"),
        registered_model_name=name,
        pip_requirements=[],
        serialization_format="pickle",
    )


def _bare(dtypes: dict[str, str], uri: str) -> Callable[[Any], Any]:
    """Answers by the module itself: a tensor for each output."""
    import mlflow.pytorch
    import torch

    module = mlflow.pytorch.load_model(uri)

    def answer(features: Any) -> Any:
        given = features if isinstance(features, dict) else {"": features}
        tensors = [
            torch.tensor([given[name]], dtype=getattr(torch, dtype))
            for name, dtype in dtypes.items()
        ]
        with torch.no_grad():
            return _plain(module(*tensors))

    return answer


def _plain(output: Any) -> Any:
    if isinstance(output, dict):
        return {name: _plain(part) for name, part in output.items()}
    if isinstance(output, list | tuple):
        return [_plain(part) for part in output]
    return output[0].tolist()


def _case(
    name: str,
    words: str,
    kind: str,
    tensors: Sequence[tuple[str, str, tuple[int, ...]]],
    given: Sequence[Input],
) -> Case:
    named = bool(tensors[0][0])
    dtypes = {tensor: dtype for tensor, dtype, _ in tensors}
    return Case(
        name,
        "torch",
        words,
        lambda registered: _log(registered, kind, tensors),
        given,
        named_inputs if named else inputs,
        bare=partial(_bare, dtypes),
    )


def _of_two() -> list[Input]:
    row = {"x": [0.5, 1.5], "factor": [2.0]}
    return [
        Input("ordinary 1", row),
        Input("ordinary 2", {"x": [-1, 1e3], "factor": [0.25]}),
        Input("another order", {"factor": [2.0], "x": [0.5, 1.5]}),
        Input("one is missing", {"x": [0.5, 1.5]}),
        Input("one more", row | {"y": [1.0]}),
        Input("null", row | {"x": None}),
        Input("too short", row | {"x": [0.5]}),
        Input("a text", row | {"factor": ["2"]}),
        Input("no object", [0.5, 1.5]),
        Input("without the list", row | {"factor": 2.0}),
    ]


def _of_tokens() -> list[Input]:
    values: list[Any] = [
        [1, 2, 3, 4],
        [0, 0, 0, 0],
        [9, 8, 7, 6],
        [1.0, 2, 3, 4],
        [1.5, 2, 3, 4],
        [10, 0, 0, 0],
        [2**63, 0, 0, 0],
        ["1", 2, 3, 4],
        [1, 2, 3],
        None,
    ]
    return [Input(f"tokens {place}", value) for place, value in enumerate(values, 1)]


TWO = [("x", "float32", (-1, 2)), ("factor", "float32", (-1, 1))]
X = [("x", "float32", (-1, 3))]
NAMED = of_a_tensor(TENSORS, "x")
CASES = [
    _case("torch-unnamed", "an unnamed tensor", "one", UNNAMED, of_a_tensor(TENSORS)),
    _case("torch-named", "a named tensor", "one", X, NAMED),
    _case("torch-pickled", "an unnamed tensor", "one", UNNAMED, of_a_tensor(TENSORS)),
    _case("torch-two", "two named tensors", "two", TWO, _of_two()),
    _case("torch-by-name", "several outputs by name", "by-name", X, NAMED),
    _case("torch-tuple", "several outputs in a tuple", "tuple", X, NAMED),
    _case("torch-bfloat16", "an output of bfloat16", "bfloat16", X, NAMED),
    _case("torch-tokens", "an unnamed tensor", "tokens", [("", "int64", (-1, 4))], _of_tokens()),
    Case("torch-columns", "torch", "named columns", columns, of_doubles(ROWS), dataframe_split),
]
