"""Models of XGBoost, LightGBM and CatBoost, with gaps and categories."""

from typing import Any

from testkit.conformance.cases import Case, Input, dataframe_split, inputs
from testkit.conformance.inputs import UNICODE, of_a_tensor, of_doubles, without
from testkit.conformance.models.sklearn_models import ROWS, TENSORS


def _table() -> Any:
    import numpy as np
    import pandas as pd

    table = pd.DataFrame(np.random.default_rng(7).normal(size=(80, 2)), columns=["a", "b"])
    table.loc[::5, "b"] = np.nan
    return table


def _labels(table: Any) -> Any:
    return (table["a"] > 0).astype(int)


def _log(flavor: str, model: Any, name: str, signature: Any, **options: Any) -> None:
    from importlib import import_module

    import_module(f"mlflow.{flavor}").log_model(
        model,
        name=name,
        signature=signature,
        registered_model_name=name,
        pip_requirements=[],
        **options,
    )


def _gaps(columns: dict[str, str]) -> Any:
    """A signature of these columns, all optional."""
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, Schema

    return ModelSignature(
        Schema([ColSpec(kind, column, required=False) for column, kind in columns.items()])
    )


def xgb_frame(name: str) -> None:
    import xgboost

    table = _table()
    model = xgboost.XGBClassifier(n_estimators=5, max_depth=2).fit(table, _labels(table))
    _log("xgboost", model, name, _gaps({"a": "double", "b": "double"}))


def xgb_booster(name: str) -> None:
    """The native booster, which answers probabilities."""
    import xgboost
    from mlflow.models import infer_signature

    table = _table().fillna(0.0)
    data = xgboost.DMatrix(table, _labels(table))
    model = xgboost.train({"objective": "multi:softprob", "num_class": 2}, data, 5)
    _log("xgboost", model, name, infer_signature(table, model.predict(data)))


def xgb_array(name: str) -> None:
    import numpy as np
    import xgboost
    from mlflow.models import infer_signature

    data = np.random.default_rng(7).normal(size=(60, 3))
    model = xgboost.XGBRegressor(n_estimators=5, max_depth=2).fit(data, data.sum(axis=1))
    _log("xgboost", model, name, infer_signature(data, model.predict(data)))


def lgb_frame(name: str) -> None:
    import lightgbm

    table = _table()
    model = lightgbm.LGBMClassifier(n_estimators=5, verbose=-1).fit(table, _labels(table))
    _log("lightgbm", model, name, _gaps({"a": "double", "b": "double"}))


def lgb_booster(name: str) -> None:
    import lightgbm
    from mlflow.models import infer_signature

    table = _table().fillna(0.0)
    data = lightgbm.Dataset(table, _labels(table))
    model = lightgbm.train({"objective": "binary", "verbose": -1}, data, 5)
    _log("lightgbm", model, name, infer_signature(table, model.predict(table)))


def cat_frame(name: str) -> None:
    """A column of categories, as CatBoost takes it: strings."""
    import catboost
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, Schema

    table = _table()
    table["city"] = ["Rome", "Oslo"] * (len(table) // 2)
    model = catboost.CatBoostClassifier(5, verbose=False, allow_writing_files=False)
    model.fit(table, _labels(table), cat_features=["city"])
    columns = [
        ColSpec("double", "a"),
        ColSpec("double", "b", required=False),
        ColSpec("string", "city"),
    ]
    _log("catboost", model, name, ModelSignature(Schema(list(columns))))


def of_gaps() -> list[Input]:
    row = ROWS[0]
    null = {"a": 0.5, "b": None}
    return [
        *(one for one in of_doubles(ROWS) if one.label not in ("null", "one is missing")),
        Input("null", null),
        Input("left out", without(row, "b"), said=dataframe_split(null)),
        Input("all are null", {"a": None, "b": None}),
        Input("nothing", {}, said=dataframe_split({"a": None, "b": None})),
    ]


def of_cities() -> list[Input]:
    row = {"a": 0.5, "b": -1.25, "city": "Rome"}
    return [
        Input("ordinary 1", row),
        Input("ordinary 2", row | {"a": -3.0, "city": "Oslo"}),
        Input("a city that is unknown", row | {"city": UNICODE}),
        Input("an empty city", row | {"city": ""}),
        Input("null for an optional one", row | {"b": None}),
        Input("left out", without(row, "b"), said=dataframe_split(row | {"b": None})),
        Input("null for a required string", row | {"city": None}),
        Input("a required one is missing", without(row, "city")),
        Input("a number for a string", row | {"city": 7}),
    ]


OPTIONAL, NAMED, TENSOR = "optional columns", "named columns", "an unnamed tensor"
CASES = [
    Case("xgb-frame", "XGBoost", OPTIONAL, xgb_frame, of_gaps(), dataframe_split, "xgboost"),
    Case(
        "xgb-booster", "XGBoost", NAMED, xgb_booster, of_doubles(ROWS), dataframe_split, "xgboost"
    ),
    Case("xgb-array", "XGBoost", TENSOR, xgb_array, of_a_tensor(TENSORS), inputs, "xgboost"),
    Case("lgb-frame", "LightGBM", OPTIONAL, lgb_frame, of_gaps(), dataframe_split, "lightgbm"),
    Case(
        "lgb-booster", "LightGBM", NAMED, lgb_booster, of_doubles(ROWS), dataframe_split, "lightgbm"
    ),
    Case(
        "cat-frame",
        "CatBoost",
        "mixed columns, one optional",
        cat_frame,
        of_cities(),
        dataframe_split,
        "catboost",
    ),
]
