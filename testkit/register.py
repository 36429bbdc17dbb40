"""Registers the fault model: `python -m testkit.register URL [NAME FILE [twice]]`.

It is a program apart, since MLflow warns as it logs. With `twice` the model has two more columns,
0 and "0", which are one name in a request: no gateway can check that.
"""

import sys
from pathlib import Path
from typing import Any

import mlflow
from mlflow.models import ModelSignature
from mlflow.types import ColSpec, DataType, Schema

FAULT = Path(__file__).with_name("fault_model.py")


BROKEN = FAULT.with_name("broken_model.py")


def register_fault_model(
    tracking_uri: str, name: str = "fault", code: Path = FAULT, more: str = ""
) -> None:
    """Registers a version of the fault model, and moves the alias `production` to it.

    `code` may be other code for the same inputs.
    """
    mlflow.set_tracking_uri(tracking_uri)
    optional = [
        ColSpec("double", "seconds", required=False),
        ColSpec("long", "value", required=False),
    ]
    names: tuple[Any, ...] = (0, "0") if more == "twice" else ()
    odd = [ColSpec(DataType.double, name, required=False) for name in names]
    inputs = Schema(
        [ColSpec("string", "do"), *optional, ColSpec("string", "note", required=False), *odd]
    )
    with mlflow.start_run():
        info = mlflow.pyfunc.log_model(
            name=name,
            python_model=str(code),
            signature=ModelSignature(inputs=inputs),
            input_example={"do": "answer", "seconds": 0.0, "value": 1}
            if code == FAULT and not more
            else None,
            registered_model_name=name,
            pip_requirements=[],
        )
    mlflow.MlflowClient(tracking_uri).set_registered_model_alias(
        name, "production", info.registered_model_version
    )


if __name__ == "__main__":
    url, name, code, more = (*sys.argv[1:], *("fault", str(FAULT), "")[len(sys.argv) - 2 :])
    register_fault_model(url, name, Path(code), more)
