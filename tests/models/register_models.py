"""Trains and registers the models that tests load.

Run as one process of its own: `python -m tests.models.register_models URL`. The match-outcome model
is trained twice: version 1 in full, then version 2 in one epoch, for another alias.
"""

import sys
from pathlib import Path
from typing import Any

import mlflow
import mlflow.sklearn
import numpy as np
import pandas as pd
import torch
from mlflow.models import ModelSignature, infer_signature
from mlflow.types import ColSpec, ParamSchema, ParamSpec, Schema, TensorSpec
from sklearn.linear_model import LogisticRegression

from examples.football import training


class Scale(torch.nn.Module):
    """Takes two named tensors and answers two by name."""

    def forward(self, picture: torch.Tensor, factor: torch.Tensor) -> dict[str, torch.Tensor]:
        scaled = picture * factor.reshape(-1, 1, 1)
        return {"scaled": scaled, "sum": scaled.sum(dim=(1, 2))}


def register_shop() -> None:
    columns: list[ColSpec | TensorSpec] = [
        ColSpec("string", "item"),
        ColSpec("double", "price"),
        ColSpec("long", "pieces", required=False),
    ]
    totals: list[ColSpec | TensorSpec] = [
        ColSpec("string", "item"),
        ColSpec("double", "total"),
        ColSpec("long", "rows"),
    ]
    mlflow.pyfunc.log_model(
        name="shop",
        python_model=str(Path(__file__).with_name("shop_model.py")),
        signature=ModelSignature(
            inputs=Schema(columns),
            outputs=Schema(totals),
            params=ParamSchema(
                [ParamSpec("discount", "double", 0.0), ParamSpec("fees", "long", [0], (-1,))]
            ),
        ),
        input_example={"item": "tea", "price": 2.5},
        registered_model_name="shop",
        pip_requirements=[],
    )


def register_scale(name: str, **options: Any) -> None:
    tensors: list[ColSpec | TensorSpec] = [
        TensorSpec(np.dtype("float32"), (-1, 2, 2), "picture"),
        TensorSpec(np.dtype("float32"), (-1,), "factor"),
    ]
    outputs: list[ColSpec | TensorSpec] = [
        TensorSpec(np.dtype("float32"), (-1, 2, 2), "scaled"),
        TensorSpec(np.dtype("float32"), (-1,), "sum"),
    ]
    mlflow.pytorch.log_model(
        Scale(),
        name=name,
        signature=ModelSignature(inputs=Schema(tensors), outputs=Schema(outputs)),
        input_example=[np.ones((2, 2, 2), dtype="float32"), np.ones(2, dtype="float32")],
        registered_model_name=name,
        pip_requirements=[],
        **options,
    )


def register_churn() -> None:
    """As docs/models.md says it."""
    table = pd.DataFrame({"months": [1.0, 2.0, 30.0, 40.0], "calls": [5.0, 4.0, 0.0, 1.0]})
    model = LogisticRegression().fit(table, [1, 1, 0, 0])
    mlflow.sklearn.log_model(
        model,
        name="churn",
        registered_model_name="churn",
        signature=infer_signature(table, model.predict(table)),
        input_example=table.head(2),
        serialization_format="skops",
    )


def main(tracking_uri: str) -> None:
    for options in (("--alias", "production"), ("--alias", "candidate", "--epochs", "1")):
        assert training.main(("--tracking-uri", tracking_uri, *options)) == 0
    mlflow.set_experiment("models")
    register_shop()
    register_churn()
    register_scale("scale", serialization_format="pt2")
    register_scale("pickled", serialization_format="pickle")


if __name__ == "__main__":
    main(sys.argv[1])
