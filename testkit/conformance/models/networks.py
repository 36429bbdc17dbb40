"""Models of ONNX, Keras 3 and statsmodels."""

from typing import Any

from testkit.conformance.cases import Case, Input, dataframe_split, inputs, named_inputs
from testkit.conformance.inputs import of_a_tensor, of_doubles
from testkit.conformance.models.boosting import _log
from testkit.conformance.models.sklearn_models import ROWS, TENSORS


def _onnx(nodes: list[Any], given: dict[str, list[Any]], answers: dict[str, list[Any]]) -> Any:
    """A graph of float32 tensors."""
    from onnx import TensorProto, helper

    def tensors(shapes: dict[str, list[Any]]) -> list[Any]:
        return [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
            for name, shape in shapes.items()
        ]

    graph = helper.make_graph(nodes, "graph", tensors(given), tensors(answers))
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)


def _tensors(parts: list[tuple[str | None, str, tuple[int, ...]]]) -> Any:
    import numpy as np
    from mlflow.models import ModelSignature
    from mlflow.types import Schema, TensorSpec

    return ModelSignature(
        Schema([TensorSpec(np.dtype(dtype), shape, name) for name, dtype, shape in parts])
    )


def onnx_named(name: str) -> None:
    from onnx import helper

    node = helper.make_node("Tanh", ["x"], ["y"])
    model = _onnx([node], {"x": ["rows", 3]}, {"y": ["rows", 3]})
    _log("onnx", model, name, _tensors([("x", "float32", (-1, 3))]))


def onnx_unnamed(name: str) -> None:
    from onnx import helper

    node = helper.make_node("Tanh", ["x"], ["y"])
    model = _onnx([node], {"x": ["rows", 3]}, {"y": ["rows", 3]})
    _log("onnx", model, name, _tensors([(None, "float32", (-1, 3))]))


def onnx_two(name: str) -> None:
    """Two inputs and two outputs."""
    from onnx import helper

    nodes = [
        helper.make_node("Mul", ["x", "factor"], ["scaled"]),
        helper.make_node("Add", ["x", "factor"], ["moved"]),
    ]
    both = {"x": ["rows", 2], "factor": ["rows", 1]}
    model = _onnx(nodes, both, {"scaled": ["rows", 2], "moved": ["rows", 2]})
    parts: list[tuple[str | None, str, tuple[int, ...]]] = [
        ("x", "float32", (-1, 2)),
        ("factor", "float32", (-1, 1)),
    ]
    _log("onnx", model, name, _tensors(parts))


def onnx_table(name: str) -> None:
    """A scikit-learn model, converted. MLflow makes a frame of its one output."""
    import numpy as np
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, Schema
    from skl2onnx import to_onnx
    from sklearn.linear_model import Ridge

    data = np.random.default_rng(7).normal(size=(60, 2)).astype("float32")
    converted = to_onnx(Ridge().fit(data, data.sum(axis=1)), data[:1])
    signature = ModelSignature(Schema([ColSpec("double", "a"), ColSpec("double", "b")]))
    _log("onnx", converted, name, signature)


def _keras() -> Any:
    import os

    os.environ["KERAS_BACKEND"] = "torch"
    import keras

    keras.utils.set_random_seed(7)
    return keras


def keras_dense(name: str) -> None:
    keras = _keras()
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2, activation="tanh")])
    _log("keras", model, name, _tensors([(None, "float32", (-1, 3))]))


def keras_two(name: str) -> None:
    """Two inputs by name, two outputs."""
    keras = _keras()
    x, factor = keras.Input((2,), name="x"), keras.Input((1,), name="factor")
    model = keras.Model({"x": x, "factor": factor}, {"scaled": x * factor, "sum": x + factor})
    parts: list[tuple[str | None, str, tuple[int, ...]]] = [
        ("x", "float32", (-1, 2)),
        ("factor", "float32", (-1, 1)),
    ]
    _log("keras", model, name, _tensors(parts))


def ols(name: str) -> None:
    import numpy as np
    import pandas as pd
    import statsmodels.api as sm
    from mlflow.models import infer_signature

    table = pd.DataFrame(np.random.default_rng(7).normal(size=(60, 2)), columns=["a", "b"])
    model = sm.OLS(table["a"] * 2 + table["b"], table).fit()
    _log("statsmodels", model, name, infer_signature(table, model.predict(table)))


def formula(name: str) -> None:
    import numpy as np
    import pandas as pd
    import statsmodels.formula.api as smf
    from mlflow.models import infer_signature

    table = pd.DataFrame(np.random.default_rng(7).normal(size=(60, 2)), columns=["a", "b"])
    table["y"] = (table["a"] > table["b"] * np.random.default_rng(1).normal(size=60)).astype(int)
    model = smf.logit("y ~ a + b", table).fit(disp=False)
    _log("statsmodels", model, name, infer_signature(table[["a", "b"]], model.predict(table)))


def of_two() -> list[Input]:
    row = {"x": [0.5, 1.5], "factor": [2.0]}
    return [
        Input("ordinary 1", row),
        Input("ordinary 2", {"x": [-1.0, 1e3], "factor": [0.25]}),
        Input("integers", {"x": [1, 2], "factor": [3]}),
        Input("another order", dict(reversed(row.items()))),
        Input("one is missing", {"x": [0.5, 1.5]}),
        Input("one more", row | {"y": [1.0]}),
        Input("null", row | {"x": None}),
        Input("too short", row | {"x": [0.5]}),
        Input("a text", row | {"factor": ["2"]}),
        Input("without the list", row | {"factor": 2.0}),
    ]


NAMED, X, UNNAMED, TWO = "named columns", "a named tensor", "an unnamed tensor", "two named tensors"
TABLE, TENSOR = of_doubles(ROWS), of_a_tensor(TENSORS)
BY_NAME = of_a_tensor(TENSORS, "x")
CASES = [
    Case("onnx-named", "ONNX", X, onnx_named, BY_NAME, named_inputs, "onnx"),
    Case("onnx-unnamed", "ONNX", UNNAMED, onnx_unnamed, TENSOR, inputs, "onnx"),
    Case("onnx-two", "ONNX", TWO, onnx_two, of_two(), named_inputs, "onnx"),
    Case("onnx-table", "ONNX", NAMED, onnx_table, TABLE, dataframe_split, "skl2onnx"),
    Case("keras-dense", "Keras", UNNAMED, keras_dense, TENSOR, inputs, "keras"),
    Case("keras-two", "Keras", TWO, keras_two, of_two(), named_inputs, "keras"),
    Case("sm-ols", "statsmodels", NAMED, ols, TABLE, dataframe_split, "statsmodels"),
    Case("sm-formula", "statsmodels", NAMED, formula, TABLE, dataframe_split, "statsmodels"),
]
