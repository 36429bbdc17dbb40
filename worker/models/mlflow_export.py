"""Registers a network with MLflow so that nobody who loads it needs our code, or a pickle.

The graph is exported (torch.export, MLflow's `pt2`). MLflow's saver insists on a signature of one
tensor then, which would make a request a nameless list of numbers; so the folder is saved with that
and described again in columns, by which the gateway checks requests and MLflow's own server builds
the same tensor. The example has two rows because one of a single row would fix the batch at one. A
network of images is described as one column of text: it is this service that opens them, and
MLflow's own server can't serve it.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import mlflow.pytorch
import numpy as np
import pandas as pd
import torch
from mlflow import MlflowClient
from mlflow.models import Model, ModelSignature
from mlflow.types import ColSpec, ParamSchema, ParamSpec, Schema, TensorSpec

_EXAMPLE_ROWS = 2


class ColumnsFlavor:
    """Saves a network as `mlflow.pytorch` does, then describes the input in columns.

    `Model.log` takes it for a flavor.
    """

    def save_model(
        self,
        path: str,
        mlflow_model: Model,
        network: torch.nn.Module,
        table: pd.DataFrame,
        names: Sequence[str],
        **options: Any,
    ) -> None:
        example = table.head(_EXAMPLE_ROWS)
        inputs, outputs = (
            Schema([TensorSpec(np.dtype("float32"), (-1, width))])
            for width in (len(table.columns), len(names))
        )
        mlflow.pytorch.save_model(
            network,
            path,
            mlflow_model=mlflow_model,
            serialization_format="pt2",
            signature=ModelSignature(inputs=inputs, outputs=outputs),
            input_example=np.array(example, dtype="float32"),
            pip_requirements=[
                f"torch=={torch.__version__.partition('+')[0]}",
                "numpy",
                "pandas",
                "pyarrow",
            ],
            **options,
        )
        columns = Schema([ColSpec("double", name) for name in table.columns])
        mlflow_model.signature = ModelSignature(inputs=columns, outputs=outputs)
        _save_example(
            Path(path),
            mlflow_model,
            {"columns": list(example.columns), "data": example.to_numpy().tolist()},
        )
        mlflow_model.save(str(Path(path) / "MLmodel"))


class ImageFlavor:
    """Saves a network that takes uint8 `[rows, size, size, 3]`.

    `Model.log` takes it for a flavor, as `ColumnsFlavor`. The input is described as one column of
    text.
    """

    def save_model(
        self, path: str, mlflow_model: Model, network: torch.nn.Module, example: str, **options: Any
    ) -> None:
        image: Mapping[str, Any] = (mlflow_model.metadata or {})["image"]
        column, size = image["column"], image["size"]
        pixels = Schema([TensorSpec(np.dtype("uint8"), (-1, size, size, 3))])
        mlflow.pytorch.save_model(
            network,
            path,
            mlflow_model=mlflow_model,
            serialization_format="pt2",
            signature=ModelSignature(inputs=pixels),
            input_example=np.zeros((_EXAMPLE_ROWS, size, size, 3), dtype="uint8"),
            pip_requirements=[f"torch=={torch.__version__.partition('+')[0]}", "numpy", "pillow"],
            **options,
        )
        top_k = (mlflow_model.metadata or {}).get("top_k")
        params = ParamSchema([ParamSpec("top_k", "long", top_k)] if top_k else [])
        mlflow_model.signature = ModelSignature(
            inputs=Schema([ColSpec("string", column)]), params=params
        )
        _save_example(Path(path), mlflow_model, {"columns": [column], "data": [[example]]})
        mlflow_model.save(str(Path(path) / "MLmodel"))


def _save_example(folder: Path, mlflow_model: Model, split: Mapping[str, Any]) -> None:
    (folder / "input_example.json").write_text(json.dumps(split), encoding="utf-8")
    mlflow_model.saved_input_example_info = {
        "artifact_path": "input_example.json",
        "type": "dataframe",
        "pandas_orient": "split",
    }


def register(
    network: torch.nn.Module, table: pd.DataFrame, name: str, alias: str, **options: Any
) -> str:
    """Logs the network to the active run, registers it and moves the alias to it.

    Returns the new version. `table` has the input's columns in the network's order, and at least
    two rows. The options are `names` of the outputs and those of `mlflow.pytorch.save_model`.
    """
    return _logged(ColumnsFlavor(), name, alias, network=network, table=table, **options)


def register_images(
    network: torch.nn.Module,
    metadata: Mapping[str, Any],
    example: str,
    name: str,
    alias: str,
    **options: Any,
) -> str:
    """Does for a network of images what `register` does.

    `metadata` has `image` (docs/models.md), the example is base64.
    """
    return _logged(
        ImageFlavor(), name, alias, network=network, metadata=metadata, example=example, **options
    )


def _logged(flavor: Any, name: str, alias: str, **options: Any) -> str:
    info = Model.log(None, flavor, name, name=name, flavor_name="pytorch", **options)
    version = str(info.registered_model_version)
    MlflowClient().set_registered_model_alias(name, alias, version)
    return version
