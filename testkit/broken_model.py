"""A model that can't be loaded. Only tests register it; MLflow keeps this file as its code."""

from typing import Any

import mlflow


class Broken(mlflow.pyfunc.PythonModel):  # type: ignore[misc,name-defined]
    """Raises when it is loaded, as one does whose weights don't fit its code."""

    def load_context(self, context: Any) -> None:
        del context
        raise RuntimeError("its weights do not fit")

    def predict(self, context: Any, model_input: Any, params: Any = None) -> list[Any]:
        del context, model_input, params
        raise AssertionError("it can't be loaded")


mlflow.models.set_model(Broken())
