"""Any other model that MLflow can load, by its `python_function` flavor.

It gets one data frame, or named arrays, for a batch.

What a row leaves out is there for the model as NaN, NaT or None. MLflow alone has no integer that
may be missing: it takes a frame with the whole column or one without it. And a column's dtype must
not come from the other rows: one missing value turns a column of booleans into objects, one text a
free one (`any`) of numbers. So a batch is run in groups whose rows would each get a frame of the
same columns and dtypes alone, the same shapes, and the same parameters: `predict` takes one set of
them.

A model with a type hint gets a list of Python's own values. MLflow's chat models and agents take
one request and answer it, so each of theirs runs alone.

Such a model places itself: it says where in an attribute `device`, else it counts as on the CPU.
"""

from collections.abc import Hashable, Mapping, Sequence
from copy import deepcopy
from dataclasses import replace
from functools import partial
from typing import Any

import mlflow.pyfunc
import numpy as np
import pandas as pd
from mlflow.exceptions import MlflowException

from inference.errors import InvalidInput, Misconfigured
from inference.models.data_types import DataType
from inference.models.signature import Column, InputForm, ListOf
from worker.models.device_errors import guarded
from worker.models.grouping import run_in_groups
from worker.models.inputs import column_values, tensor_values
from worker.models.json_values import row_value
from worker.models.mlmodel import MLmodel
from worker.models.outputs import rows_of

_INTEGERS = ("long", "integer")
_MARKED = (*_INTEGERS, "boolean")
"""Rows with and without a value of these types can't share a frame."""
_AGENTS = "mlflow.pyfunc.loaders."
"""Where MLflow keeps what stands before a chat model or an agent: it takes one request."""
Row = tuple[Any, Mapping[str, Any]]
"""An input's values, and the parameters that it runs with."""


class PyfuncEngine:
    """A model behind `mlflow.pyfunc`; without a signature it gets the features as they came."""

    image: Any = None
    labels: Any = None

    def __init__(self, mlmodel: MLmodel) -> None:
        if mlmodel.image is not None or mlmodel.labels_file is not None:
            raise Misconfigured(
                "metadata.image and metadata.labels are for torch models alone:"
                " this one reads and names by itself"
            )
        self._model = mlflow.pyfunc.load_model(str(mlmodel.folder))
        self._alone = _is_agent(self._model)
        self._columns = tuple(
            replace(column, hinted=column.hinted or self._alone) for column in mlmodel.columns
        )
        self._tensors = mlmodel.tensors
        self._unnamed = mlmodel.form is InputForm.VALUE
        self._hinted = mlmodel.hinted
        self.device = _device(self._model)
        self._outputs = set[int]()

    def row(self, features: Mapping[str, Any], params: Mapping[str, Any]) -> Row:
        if self._tensors:
            return tensor_values(self._tensors, features), params
        if not self._columns:
            return dict(features), params
        values = column_values(self._columns, features)
        if all(
            value is None and column.type in _INTEGERS
            for column, value in zip(self._columns, values, strict=True)
        ):
            raise InvalidInput("all of the features are missing", field="features")
        return values, params

    def run(self, rows: list[Row]) -> list[Any]:
        return run_in_groups(rows, self._kind, lambda group: guarded(partial(self._answers, group)))

    def _answers(self, rows: list[Row]) -> list[Any]:
        params = dict(rows[0][1]) or None
        answer = self._model.predict(self._batch([values for values, _ in rows]), params=params)
        if self._alone:
            return [row_value(answer)]
        return rows_of(answer, len(rows), self._outputs)

    def _kind(self, row: Row) -> Hashable:
        """What must be the same of rows that run together; mostly all are."""
        values, params = row
        if self._alone:
            return id(row)
        given = repr(sorted(params.items()))
        if self._hinted:
            return given
        if self._tensors:
            return given, tuple(array.shape for array in values)
        if not self._columns:
            return given, tuple((name, _dtype(value)) for name, value in values.items())
        return given, tuple(
            _mark(column, value) for column, value in zip(self._columns, values, strict=True)
        )

    def _batch(self, rows: list[Any]) -> Any:
        if self._tensors:
            arrays = [np.stack(parts) for parts in zip(*rows, strict=True)]
            if self._unnamed:
                return arrays[0]
            return dict(zip((tensor.name for tensor in self._tensors), arrays, strict=True))
        if not self._columns:
            return pd.DataFrame(rows)
        if self._hinted:
            return [value for (value,) in rows]
        if self._alone:
            (values,) = rows
            pairs = zip(self._columns, values, strict=True)
            return {column.name: value for column, value in pairs if value is not None}
        columns = zip(self._columns, zip(*rows, strict=True), strict=True)
        present = {
            column.key: _series(column, values)
            for column, values in columns
            if _present(column, values)
        }
        return pd.DataFrame(present, index=range(len(rows)))


def _mark(column: Column, value: Any) -> Hashable:
    """What of a value decides on its column's being there, or on its dtype."""
    if column.type == "any":
        return _dtype(value)
    return value is None and column.type in _MARKED


def _dtype(value: Any) -> str:
    """The dtype of a column of such values, as pandas finds it."""
    return str(pd.Series([value]).dtype)


def _present(column: Column, values: Sequence[Any]) -> bool:
    return column.type not in _INTEGERS or values[0] is not None


def _series(column: Column, values: Sequence[Any]) -> "pd.Series[Any]":
    """A column in the type that MLflow will check.

    Gaps become NaN or NaT, in other columns they stay None.

    MLflow changes objects in place, and the same rows may run again in halves.
    """
    if isinstance(column.kind, DataType):
        return pd.Series(list(values), dtype=column.kind.dtype)
    return pd.Series(
        list(values)
        if isinstance(column.kind, ListOf) and isinstance(column.kind.item, DataType)
        else deepcopy(list(values)),
        dtype="object",
    )


def _is_agent(model: Any) -> bool:
    """MLflow has no public word for it."""
    return type(getattr(model, "_model_impl", None)).__module__.startswith(_AGENTS)


def _device(model: Any) -> str:
    try:
        return str(getattr(model.unwrap_python_model(), "device", "cpu"))
    except MlflowException:
        return "cpu"
