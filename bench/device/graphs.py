"""Registers the models of the device bench.

`python -m bench.device.graphs URL ROW_BYTES TOKENS WIDTH LAYERS NAME …`

Each is an exported torch graph, as a user's would be. A program of its own: MLflow warns as it
logs.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import mlflow
import pandas as pd
import torch
from mlflow.models import Model

from bench.device.models import ALLOCATING, DENSE, LOOKUP, LOOKUP_ROWS, DenseSize
from worker.models.mlflow_export import ColumnsFlavor


class Allocating(torch.nn.Module):
    """Answers its input, and needs `row_bytes` of the device's memory for each row on the way."""

    def __init__(self, row_bytes: int) -> None:
        super().__init__()
        self._width = row_bytes // 4

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        return rows.expand(-1, self._width).clone(memory_format=torch.contiguous_format)[:, -1:]


class Lookup(torch.nn.Module):
    """Answers twice its input, out of a table.

    An index outside of it breaks a CUDA context (a device-side assert).
    """

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("table", torch.arange(LOOKUP_ROWS, dtype=torch.float32) * 2)

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        table: torch.Tensor = self.get_buffer("table")
        return table[rows.long()]


class Dense(torch.nn.Module):
    """Much arithmetic on one number.

    What a batch costs is the device's time, hardly any of the host's.
    """

    def __init__(self, size: DenseSize) -> None:
        super().__init__()
        self._size = size
        scale = (2 / size.width) ** 0.5
        self.weight = torch.nn.Parameter(
            torch.randn(size.width, size.width, generator=torch.Generator().manual_seed(1)) * scale,
            requires_grad=False,
        )

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        hidden = rows.unsqueeze(-1).expand(-1, self._size.tokens, self._size.width)
        for _ in range(self._size.layers):
            hidden = torch.relu(hidden @ self.weight)
        return hidden.mean(dim=(1, 2)).unsqueeze(1)


class NoExample(ColumnsFlavor):
    """Without an example a worker does not warm up.

    So the first batch that is too large comes from callers.
    """

    def save_model(self, path: str, mlflow_model: Model, *arguments: Any, **options: Any) -> None:
        super().save_model(path, mlflow_model, *arguments, **options)
        # MLflow writes None too.
        mlflow_model.saved_input_example_info = None  # type: ignore[assignment]
        mlflow_model.save(str(Path(path) / "MLmodel"))


def register(url: str, row_bytes: int, dense: DenseSize, names: Sequence[str]) -> None:
    """Registers those of the three that are named, alias `production`."""
    mlflow.set_tracking_uri(url)
    table = pd.DataFrame({"value": [1.0, 2.0]})
    networks = {ALLOCATING: Allocating(row_bytes), LOOKUP: Lookup(), DENSE: Dense(dense)}
    with mlflow.start_run():
        for name in names:
            network = networks[name]
            flavor = NoExample() if name == ALLOCATING else ColumnsFlavor()
            options = {"network": network.eval(), "table": table, "names": ["answer"]}
            info = Model.log(None, flavor, name, name=name, flavor_name="pytorch", **options)
            mlflow.MlflowClient().set_registered_model_alias(
                name, "production", str(info.registered_model_version)
            )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m bench.device.graphs", description=__doc__)
    parser.add_argument("url")
    for name in ("row_bytes", "tokens", "width", "layers"):
        parser.add_argument(name, type=int)
    parser.add_argument("names", nargs="+", choices=(ALLOCATING, LOOKUP, DENSE))
    asked = parser.parse_args()
    register(
        asked.url, asked.row_bytes, DenseSize(asked.tokens, asked.width, asked.layers), asked.names
    )
