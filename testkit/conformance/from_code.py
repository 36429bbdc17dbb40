"""A model from code: MLflow stores this file, and runs it to load the model."""

from typing import Any

import mlflow.models
import pandas as pd
from mlflow.pyfunc.model import PythonModel


class Sum(PythonModel):
    """Adds two columns."""

    def predict(self, context: Any, model_input: pd.DataFrame, params: Any = None) -> Any:
        del context, params
        return (model_input["a"] + model_input["b"]).to_frame("sum")


mlflow.models.set_model(Sum())
