"""Registers the tests' model: `python registering.py URL NAME METADATA [COLUMN]`.

The last word printed is the version.
"""

import json
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import mlflow
from mlflow.models import ModelSignature
from mlflow.types import ColSpec, ParamSchema, ParamSpec, Schema, TensorSpec

CODE = """
import mlflow


class Rain(mlflow.pyfunc.PythonModel):
    def predict(self, context, model_input, params=None):
        return [0.5] * len(model_input)


mlflow.models.set_model(Rain())
"""
COLUMNS: list[ColSpec | TensorSpec] = [
    ColSpec("double", "pressure"),
    ColSpec("long", "days"),
    ColSpec("string", "station", required=False),
    ColSpec("boolean", "coastal", required=False),
]
EXAMPLE = {"pressure": 990.5, "days": 2}
OUTPUTS: list[ColSpec | TensorSpec] = [ColSpec("double")]
PARAMS = ParamSchema(
    [ParamSpec("horizon", "long", 1), ParamSpec("quantiles", "double", [0.5], (-1,))]
)


def main(url: str, name: str, metadata: str, more: str = "") -> None:
    """Logs the model with its signature, and moves the alias `production` to it.

    The signature is of the image alone if the metadata name one.
    """
    described = json.loads(metadata)
    columns = [*COLUMNS, ColSpec("double", more)] if more else COLUMNS
    columns = [ColSpec("string", described["image"]["column"])] if "image" in described else columns
    with TemporaryDirectory() as folder, mlflow.start_run():
        code = Path(folder) / "rain.py"
        code.write_text(CODE)
        mlflow.log_metric("log_loss", 0.5)
        info = mlflow.pyfunc.log_model(
            name=name,
            python_model=str(code),
            signature=ModelSignature(
                inputs=Schema(columns), outputs=Schema(OUTPUTS), params=PARAMS
            ),
            input_example=None if more or "image" in described else EXAMPLE,
            registered_model_name=name,
            metadata=described,
            pip_requirements=[],
        )
    version = str(info.registered_model_version)
    mlflow.MlflowClient(url).set_registered_model_alias(name, "production", version)
    print(version)


if __name__ == "__main__":
    main(*sys.argv[1:])
