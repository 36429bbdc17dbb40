"""What the tests of `python -m worker.batch` share: models, a table and the command.

Each module has models of its own, since one of them registers another version.
"""

import warnings
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from mlflow.models import ModelSignature
from mlflow.types import ColSpec, ParamSchema, ParamSpec, Schema, TensorSpec
from mlflow.types.schema import Array

from worker.batch import read_options, score

CODE = """
import time
import mlflow
import pandas as pd

class InvalidInput(ValueError):
    pass

class Tabular(mlflow.pyfunc.PythonModel):
    def predict(self, context, model_input, params=None):
        time.sleep(params["pause_s"])
        if params["most"] and len(model_input) > params["most"]:
            raise MemoryError
        if (model_input["age"] == 13).any():
            raise RuntimeError("thirteen")
        if (model_input["town"] == "Atlantis").any():
            raise InvalidInput("there is no such town")
        return pd.DataFrame({
            "score": model_input["age"] * params["factor"],
            "tags": [[town or "nowhere"] for town in model_input["town"]],
        })

class Vector(mlflow.pyfunc.PythonModel):
    def predict(self, context, model_input, params=None):
        return model_input.sum(axis=1)

mlflow.models.set_model(%s())
"""
AGES: list[Any] = [1.5, 13.0, None, 4.0, 5.0, 6.0, 7.0]
TOWNS = ["Bern", "Bern", "Bern", "Atlantis", None, 'a "quoted", town', "Basel"]
VISITS = [1, 2, 3, None, 5, 6, 7]
ERRORS = {1: "RuntimeError: thirteen", 2: "age is missing", 3: "there is no such town"}


def register(url: str, folder: Path, name: str, vector: bool = False) -> None:
    """Registers one more version and moves the alias `production` to it."""
    file = folder / f"{name}.py"
    file.write_text(CODE % ("Vector" if vector else "Tabular"))
    inputs: Any = Schema(
        [
            ColSpec("double", "age"),
            ColSpec("string", "town", required=False),
            ColSpec("long", "visits", required=False),
        ]
    )
    outputs: Any = Schema([ColSpec("double", "score"), ColSpec(Array("string"), "tags")])
    params: Any = ParamSchema(
        [
            ParamSpec("factor", "double", 2.0),
            ParamSpec("pause_s", "double", 0.0),
            ParamSpec("most", "long", 0),
        ]
    )
    if vector:
        inputs, outputs, params = Schema([TensorSpec(np.dtype("float32"), (-1, 3))]), None, None
    mlflow.set_tracking_uri(url)
    with warnings.catch_warnings(action="ignore"), mlflow.start_run():
        logged = mlflow.pyfunc.log_model(
            name=name,
            python_model=str(file),
            signature=ModelSignature(inputs, outputs, params),
            registered_model_name=name,
            pip_requirements=[],
        )
    client = mlflow.MlflowClient(url)
    client.set_registered_model_alias(name, "production", logged.registered_model_version)


def batch(*arguments: str | Path) -> int:
    """Runs the command in this process."""
    return score(read_options([str(argument) for argument in arguments]))


def people(rows: int = len(AGES)) -> pa.Table:
    def some(values: list[Any]) -> list[Any]:
        return (values * (rows // len(values) + 1))[:rows]

    return pa.table(
        {
            "id": pa.array([f"{n:03}" for n in range(rows)]),
            "age": pa.array(some(AGES), pa.float64()),
            "town": pa.array(some(TOWNS), pa.string()),
            "visits": pa.array(some(VISITS), pa.int32()),
            "seen": pa.array([n * 10**15 for n in range(rows)], pa.timestamp("us")),
        }
    )


def people_in(folder: Path) -> Path:
    """Writes the table into a folder."""
    pq.write_table(people(), folder / "people.parquet")
    return folder / "people.parquet"


def set_environment(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    """Has the command use that registry, which the tests trust."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", url)
    monkeypatch.setenv("MODEL_CODE", "allow")
    monkeypatch.setenv("START_TIMEOUT_S", "0.1")
