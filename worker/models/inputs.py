"""From one input's JSON to the values that a model takes.

Or to an `InvalidInput` that names the part to blame.

The gateway has checked requests against the same signature. It is checked again because a record
may be older than the model that now runs it, and because features taken from a table pass no
gateway. Unknown features are let through.
"""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from inference.errors import InvalidInput, Misconfigured
from inference.models.data_types import COLUMN_TYPES
from inference.models.signature import Column, InputForm, Kind, Param, Tensor
from worker.models.conversion import Unfit, converted, given_or_none
from worker.models.mlmodel import MLmodel


class FeatureTable:
    """Finds an input's features: its own, or those on record for its entity key.

    The model has those on record by `match_id`.
    """

    def __init__(self, mlmodel: MLmodel) -> None:
        self._form = mlmodel.form
        self._inputs = len(mlmodel.columns or mlmodel.tensors)
        self._rows: pd.DataFrame | None = None
        if mlmodel.feature_table is None:
            return
        try:
            self._rows = pd.read_parquet(mlmodel.feature_table)
        except (OSError, ValueError) as error:
            raise Misconfigured(
                f"the model's feature_table {mlmodel.feature_table.name} can't be read: {error}"
            ) from error
        if not self._rows.index.is_unique:
            raise Misconfigured(
                f"the model's feature_table {mlmodel.feature_table.name} has two rows for one"
                " match_id"
            )

    def features(self, given: Mapping[str, Any]) -> Mapping[str, Any]:
        """Returns the features by name, an unnamed one by its place.

        Raises `InvalidInput` if there are none.
        """
        features = given.get("features")
        if features is not None:
            return self._by_name(features)
        key = given.get("match_id")
        if key is None or self._rows is None:
            raise InvalidInput("the input has no features", field="features")
        if type(key) is not int or key not in self._rows.index:
            raise InvalidInput(
                f"no match {key} is on record for this model, and the input has no features",
                field="match_id",
            )
        return {
            str(name): value.item() if isinstance(value, np.generic) else value
            for name, value in self._rows.loc[key].items()
        }

    def _by_name(self, features: Any) -> Mapping[str, Any]:
        if self._form is InputForm.VALUE:
            return {"0": features}
        if self._form is InputForm.LIST:
            if not isinstance(features, list) or len(features) != self._inputs:
                raise InvalidInput(
                    f"features must be a list of {self._inputs} items", field="features"
                )
            return {str(place): value for place, value in enumerate(features)}
        if not isinstance(features, Mapping):
            raise InvalidInput("features must be an object", field="features")
        return features


def column_values(columns: Sequence[Column], features: Mapping[str, Any]) -> list[Any]:
    """Returns a value for each column, in order.

    None for an optional one that is null or not there.
    """
    return [_column_value(column, features) for column in columns]


def param_values(params: Sequence[Param], given: Any) -> dict[str, Any]:
    """Returns a value for each parameter, the model's own where a request sets none.

    Raises `InvalidInput`.
    """
    given = {} if given is None else given
    if not isinstance(given, Mapping):
        raise InvalidInput("params must be an object", field="params")
    return {
        param.name: _param_value(param, given[param.name]) if param.name in given else param.default
        for param in params
    }


def tensor_values(tensors: Sequence[Tensor], features: Mapping[str, Any]) -> list[NDArray[Any]]:
    """Returns an array for each tensor, in order, without the batch's dimension."""
    return [_tensor_value(tensor, features.get(tensor.name)) for tensor in tensors]


def _column_value(column: Column, features: Mapping[str, Any]) -> Any:
    try:
        return given_or_none(column.kind, column.required, column.name, features, column.hinted)
    except Unfit as error:
        raise _refused(column.path or column.name, column.field, error) from error


def _param_value(param: Param, value: Any) -> Any:
    if value is None and param.default is None:
        return None
    if param.many and not isinstance(value, list):
        raise InvalidInput(f"{param.name} must be a list", field=f"params.{param.name}")
    try:
        found = [_param_part(param.item, part) for part in (value if param.many else [value])]
    except Unfit as error:
        raise _refused(param.name, f"params.{param.name}", error) from error
    return found if param.many else found[0]


def _param_part(kind: Kind, value: Any) -> Any:
    """A date without a time stays one: MLflow makes a `date` of it, as of such a default."""
    found = converted(kind, value)
    is_day = kind is COLUMN_TYPES["datetime"] and value.count("-") == 2 and len(value) == 10
    return date.fromisoformat(value) if is_day else found


def _refused(name: str, field: str, error: Unfit) -> InvalidInput:
    return InvalidInput(f"{name}{error.path} {error.problem}", field=f"{field}{error.path}")


def _tensor_value(tensor: Tensor, value: Any) -> NDArray[Any]:
    field, name = tensor.field, tensor.path or tensor.name
    if value is None:
        raise InvalidInput(f"{name} is missing", field=field)
    try:
        array = np.asarray(value, dtype=tensor.dtype)
    except (ValueError, TypeError, OverflowError) as error:
        raise InvalidInput(f"{name} must be an array of {tensor.dtype}", field=field) from error
    wanted = tensor.shape[1:]
    if array.ndim != len(wanted) or any(
        want not in (-1, have) for want, have in zip(wanted, array.shape, strict=True)
    ):
        raise InvalidInput(
            f"{name} must have the shape {list(wanted)}, not {list(array.shape)}",
            field=field,
        )
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise InvalidInput(f"{name} has values that are not finite numbers", field=field)
    return array
