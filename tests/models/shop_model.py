"""A model from code, as a user may register one, without a pickle.

It has columns of several types, some of them optional.
"""

from typing import Any

import mlflow
import pandas as pd


class Shop(mlflow.pyfunc.PythonModel):  # type: ignore[misc,name-defined]
    """Answers the price of what is bought, less a discount, and how many rows it saw at once."""

    def predict(self, context: Any, model_input: pd.DataFrame, params: Any = None) -> list[Any]:
        del context
        assert params is not None, "MLflow fills in what a caller leaves out"
        if "pieces" not in model_input:
            model_input = model_input.assign(pieces=1)
        if (model_input["price"] < 0).any():
            raise MemoryError("as it was told")
        total = model_input["price"] * model_input["pieces"] * (1 - params["discount"]) + sum(
            params["fees"]
        )
        return [
            {"item": item, "total": price, "rows": len(total)}
            for item, price in zip(model_input["item"], total, strict=True)
        ]


mlflow.models.set_model(Shop())
