"""Registers a network with MLflow so that nobody who loads it needs our code, or a pickle.

The graph is exported (torch.export, MLflow's `pt2`). MLflow's saver insists on a signature of one tensor then, which
would make a request a nameless list of numbers; so the folder is saved with that and described again in columns, by
which the gateway checks requests and MLflow's own server builds the same tensor. The example has two rows because one
of a single row would fix the batch at one.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import mlflow.pytorch
import numpy as np
import pandas as pd
import torch
from mlflow import MlflowClient
from mlflow.models import Model, ModelSignature
from mlflow.types import ColSpec, Schema, TensorSpec

_EXAMPLE_ROWS = 2


class ColumnsFlavor:
    """What `Model.log` takes for a flavor: saves as `mlflow.pytorch` does, then describes the input in columns."""

    def save_model(
        self, path: str, mlflow_model: Model, network: torch.nn.Module, table: pd.DataFrame, names: Sequence[str], **options: Any
    ) -> None:
        example = table.head(_EXAMPLE_ROWS)
        inputs, outputs = (Schema([TensorSpec(np.dtype("float32"), (-1, width))]) for width in (len(table.columns), len(names)))
        mlflow.pytorch.save_model(
            network,
            path,
            mlflow_model=mlflow_model,
            serialization_format="pt2",
            signature=ModelSignature(inputs=inputs, outputs=outputs),
            input_example=np.array(example, dtype="float32"),
            pip_requirements=[f"torch=={torch.__version__.partition('+')[0]}", "numpy", "pandas", "pyarrow"],
            **options,
        )
        columns = Schema([ColSpec("double", name) for name in table.columns])
        mlflow_model.signature = ModelSignature(inputs=columns, outputs=outputs)
        self._save_example(Path(path), mlflow_model, example)
        mlflow_model.save(str(Path(path) / "MLmodel"))

    def _save_example(self, folder: Path, mlflow_model: Model, example: pd.DataFrame) -> None:
        split = {"columns": list(example.columns), "data": example.to_numpy().tolist()}
        (folder / "input_example.json").write_text(json.dumps(split), encoding="utf-8")
        mlflow_model.saved_input_example_info = {
            "artifact_path": "input_example.json",
            "type": "dataframe",
            "pandas_orient": "split",
        }


def register(network: torch.nn.Module, table: pd.DataFrame, name: str, alias: str, **options: Any) -> str:
    """Logs the network to the active run, registers it and moves the alias to it; returns the new version.

    `table` has the input's columns in the network's order, and at least two rows. The options are `names` of the outputs
    and those of `mlflow.pytorch.save_model`.
    """
    info = Model.log(None, ColumnsFlavor(), name, name=name, flavor_name="pytorch", network=network, table=table, **options)
    version = str(info.registered_model_version)
    MlflowClient().set_registered_model_alias(name, alias, version)
    return version
