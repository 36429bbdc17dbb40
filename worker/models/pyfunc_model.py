"""Any other model that MLflow can load, by its `python_function` flavor: one data frame, or named arrays, for a batch.

MLflow has no integer that may be missing: it takes a frame with the whole column or one without it. So a batch in which
some rows leave an optional integer out is run in parts, and so is one whose rows were given different parameters: `predict`
takes one set of them. Such a model places itself: it says where in an attribute
`device`, else it counts as on the CPU.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Any

import mlflow.pyfunc
import numpy as np
import pandas as pd
from mlflow.exceptions import MlflowException

from app.contract.errors import Misconfigured
from worker.models.inputs import column_values, tensor_values
from worker.models.memory import guarded
from worker.models.mlmodel import MLmodel
from worker.models.results import rows_of

_DTYPES = {"double": "float64", "float": "float32", "long": "int64", "integer": "int32", "datetime": "datetime64[ns]"}
_INTEGERS = ("long", "integer")
Row = tuple[Any, Mapping[str, Any]]
"""An input's values, and the parameters that it runs with."""


class PyfuncEngine:
    """A model behind `mlflow.pyfunc`; without a signature it gets the features as they came."""

    image: Any = None
    labels: Any = None

    def __init__(self, mlmodel: MLmodel) -> None:
        if mlmodel.image is not None or mlmodel.labels_file is not None:
            raise Misconfigured("metadata.image and metadata.labels are for torch models alone: this one reads and names by itself")
        self._columns = mlmodel.columns
        self._tensors = mlmodel.tensors
        self._model = mlflow.pyfunc.load_model(str(mlmodel.folder))
        self.device = _device(self._model)

    def row(self, features: Mapping[str, Any], params: Mapping[str, Any]) -> Row:
        if self._tensors:
            return tensor_values(self._tensors, features), params
        return (column_values(self._columns, features) if self._columns else dict(features)), params

    def run(self, rows: list[Row]) -> list[Any]:
        answers: list[Any] = [None] * len(rows)
        for places in self._parts(rows):
            part = [rows[place][0] for place in places]
            params = dict(rows[places[0]][1]) or None
            output = guarded(partial(self._model.predict, self._batch(part), params=params))
            for place, answer in zip(places, rows_of(output, len(part)), strict=True):
                answers[place] = answer
        return answers

    def _parts(self, rows: list[Row]) -> Iterable[list[int]]:
        """The places of rows that can run together: mostly one part, all rows."""
        integers = [place for place, column in enumerate(self._columns) if column.type in _INTEGERS]
        parts: defaultdict[tuple[Any, ...], list[int]] = defaultdict(list)
        for place, (row, params) in enumerate(rows):
            left_out = tuple(row[integer] is None for integer in integers)
            parts[left_out, repr(sorted(params.items()))].append(place)
        return parts.values()

    def _batch(self, rows: list[Any]) -> Any:
        if self._tensors:
            arrays = [np.stack(parts) for parts in zip(*rows, strict=True)]
            return dict(zip((tensor.name for tensor in self._tensors), arrays, strict=True))
        if not self._columns:
            return pd.DataFrame(rows)
        columns = zip(self._columns, zip(*rows, strict=True), strict=True)
        present = {column.name: _series(column.type, values) for column, values in columns if _present(values)}
        return pd.DataFrame(present, index=range(len(rows)))


def _present(values: Sequence[Any]) -> bool:
    return any(value is not None for value in values)


def _series(kind: str, values: Sequence[Any]) -> "pd.Series[Any]":
    """A column in the type that MLflow will check; gaps become NaN or NaT, in other columns they stay None."""
    return pd.Series(list(values), dtype=_DTYPES.get(kind, "object"))


def _device(model: Any) -> str:
    try:
        return str(getattr(model.unwrap_python_model(), "device", "cpu"))
    except MlflowException:
        return "cpu"
