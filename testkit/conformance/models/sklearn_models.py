"""Models of scikit-learn, as its users train and log them."""

from collections.abc import Sequence
from typing import Any

from testkit.conformance.cases import (
    Case,
    Input,
    dataframe_records,
    dataframe_split,
    inputs,
    instances,
    unnamed_split,
)
from testkit.conformance.inputs import (
    LONG,
    NAN,
    UNICODE,
    of_a_tensor,
    of_doubles,
    without,
)

ROWS = [{"a": 0.5, "b": -1.25}, {"a": 3.0, "b": 2.0}, {"a": -2.5, "b": 0.1}]
TENSORS = [[0.5, -1.25, 3.0], [0.1, 0.2, 0.3], [-2.5, 0.1, 7.0]]


def log(model: Any, name: str, signature: Any, **options: Any) -> None:
    import mlflow.sklearn

    mlflow.sklearn.log_model(
        model,
        name=name,
        signature=signature,
        registered_model_name=name,
        pip_requirements=[],
        **({"serialization_format": "cloudpickle"} | options),
    )


def _table() -> Any:
    import numpy as np
    import pandas as pd

    return pd.DataFrame(np.random.default_rng(7).normal(size=(60, 2)), columns=["a", "b"])


def _array(dtype: str = "float64") -> Any:
    import numpy as np

    return np.random.default_rng(7).normal(size=(60, 3)).astype(dtype)


def frame(name: str, **options: Any) -> None:
    from mlflow.models import infer_signature
    from sklearn.linear_model import LogisticRegression

    table = _table()
    model = LogisticRegression().fit(table, (table["a"] > table["b"]).astype(int))
    signature = infer_signature(table, model.predict(table))
    log(model, name, signature, input_example=table.head(2), **options)


def skops(name: str) -> None:
    frame(name, serialization_format="skops")


def proba(name: str) -> None:
    frame(name, pyfunc_predict_fn="predict_proba")


def words(name: str) -> None:
    """Its classes are strings."""
    from mlflow.models import infer_signature
    from sklearn.ensemble import RandomForestClassifier

    table = _table()
    labels = ["up" if up else "dówn" for up in table["a"] > 0]
    model = RandomForestClassifier(5, random_state=0).fit(table, labels)
    log(model, name, infer_signature(table, model.predict(table)))


def outputs(name: str) -> None:
    from mlflow.models import infer_signature
    from sklearn.linear_model import LinearRegression

    table = _table()
    model = LinearRegression().fit(table, table * 2 + 1)
    log(model, name, infer_signature(table, model.predict(table)))


def array(name: str, dtype: str = "float64") -> None:
    """As `infer_signature(X, y)` of arrays says it: one unnamed tensor."""
    from mlflow.models import infer_signature
    from sklearn.linear_model import Ridge

    data = _array(dtype)
    model = Ridge().fit(data, data.sum(axis=1))
    log(model, name, infer_signature(data, model.predict(data)), input_example=data[:2])


def array32(name: str) -> None:
    array(name, "float32")


def unnamed(name: str) -> None:
    """Three unnamed columns."""
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, Schema
    from sklearn.linear_model import Ridge

    data = _array()
    log(
        Ridge().fit(data, data.sum(axis=1)),
        name,
        ModelSignature(Schema([ColSpec("double") for _ in range(3)])),
    )


def integers(name: str) -> None:
    import pandas as pd
    from mlflow.models import infer_signature
    from sklearn.tree import DecisionTreeClassifier

    table = pd.DataFrame({"n": [1, 2, 30, 40], "m": [5, 4, 0, 1]})
    model = DecisionTreeClassifier(random_state=0).fit(table, [1, 1, 0, 0])
    log(model, name, infer_signature(table, model.predict(table)))


def mixed(name: str) -> None:
    """Numbers with gaps, categories and a flag, through a pipeline."""
    import pandas as pd
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, Schema
    from sklearn.compose import ColumnTransformer
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder

    table = pd.DataFrame(
        {
            "age": [20.0, None, 40.0, 60.0, 35.0, 50.0],
            "city": ["Rome", "Oslo", "Rome", "Bonn", "Oslo", "Bonn"],
            "visits": [1, 2, 3, 4, 5, 6],
        }
    )
    parts = ColumnTransformer(
        [
            ("numbers", SimpleImputer(), ["age", "visits"]),
            ("words", OneHotEncoder(handle_unknown="ignore"), ["city"]),
        ]
    )
    model = make_pipeline(parts, LogisticRegression()).fit(table, [0, 1, 0, 1, 0, 1])
    columns = [
        ColSpec("double", "age", required=False),
        ColSpec("string", "city"),
        ColSpec("long", "visits"),
    ]
    log(model, name, ModelSignature(Schema(list(columns))), pyfunc_predict_fn="predict_proba")


def of_texts(name: str) -> None:
    """TF-IDF of a column of text."""
    import pandas as pd
    from mlflow.models import infer_signature
    from sklearn.compose import ColumnTransformer
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    table = pd.DataFrame({"text": ["good tea", "bad tea", "good day", "bad day"]})
    parts = ColumnTransformer([("text", TfidfVectorizer(), "text")])
    model = make_pipeline(parts, LogisticRegression()).fit(table, [1, 0, 1, 0])
    log(model, name, infer_signature(table, model.predict(table)))


def _of_integers() -> Sequence[Input]:
    row = {"n": 2, "m": 4}
    return [
        Input("ordinary 1", row),
        Input("ordinary 2", {"n": 40, "m": 0}),
        Input("3.0 for an integer", row | {"n": 3.0}),
        Input("3.5 for an integer", row | {"n": 3.5}),
        Input("the largest", row | {"n": 2**63 - 1}),
        Input("one beyond", row | {"n": 2**63}),
        Input("the smallest", row | {"n": -(2**63)}),
        Input("a text", row | {"n": "3"}),
        Input("true", row | {"n": True}),
        Input("null", row | {"n": None}),
        Input("one is missing", without(row, "m")),
    ]


def _of_mixed() -> Sequence[Input]:
    row = {"age": 30.0, "city": "Rome", "visits": 3}
    return [
        Input("ordinary 1", row),
        Input("ordinary 2", row | {"city": "Oslo", "age": 61}),
        Input("a city that is unknown", row | {"city": UNICODE}),
        Input("a long text", row | {"city": LONG}),
        Input("null for an optional one", row | {"age": None}),
        Input("an optional one is left out", without(row, "age")),
        Input("NaN for an optional one", row | {"age": NAN}),
        Input("a required one is missing", without(row, "visits")),
        Input("null for a required string", row | {"city": None}),
        Input("a number for a string", row | {"city": 7}),
        Input("3.0 for an integer", row | {"visits": 3.0}),
        Input("one more", row | {"country": "IT"}),
    ]


def _of_texts() -> Sequence[Input]:
    texts = ["good tea", "bad day", "", UNICODE, LONG, 7, None, ["good", "tea"], "null", True]
    return [Input(f"text {place}", {"text": text}) for place, text in enumerate(texts)]


SK, NAMED, UNNAMED = "scikit-learn", "named columns", "an unnamed tensor"
CASES = [
    Case("sk-frame", SK, NAMED, frame, of_doubles(ROWS), dataframe_split),
    Case("sk-skops", SK, NAMED, skops, of_doubles(ROWS), dataframe_split),
    Case("sk-proba", SK, NAMED, proba, of_doubles(ROWS), dataframe_records),
    Case("sk-words", SK, NAMED, words, of_doubles(ROWS), dataframe_split),
    Case("sk-outputs", SK, NAMED, outputs, of_doubles(ROWS), dataframe_split),
    Case("sk-integers", SK, "named integers", integers, _of_integers(), dataframe_split),
    Case("sk-mixed", SK, "mixed columns, one optional", mixed, _of_mixed(), dataframe_split),
    Case("sk-texts", SK, "a column of text", of_texts, _of_texts(), dataframe_split),
    Case("sk-array", SK, UNNAMED, array, of_a_tensor(TENSORS), inputs),
    Case("sk-array32", SK, UNNAMED + " of float32", array32, of_a_tensor(TENSORS), instances),
    Case("sk-unnamed", SK, "unnamed columns", unnamed, of_a_tensor(TENSORS), unnamed_split),
]
