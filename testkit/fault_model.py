"""The fault model does what its input says, so that "in mid-batch" means something.

Only tests register it. MLflow keeps this file as the model's code and runs it where the model is
loaded (models from code), so it imports nothing of ours but the errors.
"""

import os
import signal
import time
from collections.abc import Callable
from typing import Any

import mlflow
import pandas as pd

from inference.errors import DeviceBroken, InvalidInput, OutOfMemory

RAISED: dict[str, type[Exception]] = {
    "refuse": type("InvalidInput", (ValueError,), {}),
    "raise": RuntimeError,
    "allocate": MemoryError,
    "flaky": TimeoutError,
}
_UNFIT: dict[str, Callable[[list[Any]], Any]] = {
    "tuple": tuple,
    "scalar_part": lambda answers: {"answers": answers, "version": "12345678"[: len(answers)]},
}
"""Answers that are as long as the batch and have no rows."""
_leaked: list[bytes] = []


class Fault(mlflow.pyfunc.PythonModel):  # type: ignore[misc,name-defined]
    """One batch takes as long as the longest `seconds` in it; then each row does its `do`.

    Loading takes FAULT_LOAD_S seconds.
    """

    def load_context(self, context: Any) -> None:
        del context
        time.sleep(float(os.environ.get("FAULT_LOAD_S", "0")))

    def predict(self, context: Any, model_input: pd.DataFrame, params: Any = None) -> Any:
        del context, params
        rows: list[dict[str, Any]] = model_input.to_dict("records")  # type: ignore[assignment]
        time.sleep(float(model_input["seconds"].fillna(0).max()))
        answers = [_act(row, len(rows)) for row in rows]
        return (
            _UNFIT[unfit](answers)
            if (unfit := next((row["do"] for row in rows if row["do"] in _UNFIT), ""))
            else answers
        )


def _act(row: dict[str, Any], batch: int) -> Any:
    value = row.get("value")
    match row["do"]:
        case word if word in RAISED:
            raise RAISED[word]("as it was told")
        case "system_exit":
            raise SystemExit(3)
        case "exit":
            os._exit(3)
        case "segfault":
            os.kill(os.getpid(), signal.SIGSEGV)
        case "hang":
            signal.pause()
        case "break_device":
            raise DeviceBroken("CUDA error: an illegal memory access was encountered")
        case "invalid":
            return InvalidInput("as it was told", field="features.do")
        case "not_json":
            return object()
        case "not_finite":
            return {"x": [float("nan"), float("inf"), 1.5]}
        case "leak":
            _leaked.append(b"x" * int(value or 0) * 2**20)
        case "only_alone" if batch > 1:
            raise OutOfMemory("a batch of two or more does not fit")
        case "echo":
            return row["note"] * (1 if pd.isna(value) else int(value))
    answer = {"value": None if pd.isna(value) else int(value), "batch": batch}
    return answer | {"note": row["note"]} if row.get("note") else answer


mlflow.models.set_model(Fault())
