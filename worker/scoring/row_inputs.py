"""From a row of a table to the input that a caller would send for it.

A column is the model's input of that name. A model whose inputs have no names takes the columns in
their order, or those that --columns names. Other columns are no part of an input.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from inference.errors import InvalidInput, Misconfigured, UnfitAnswer
from inference.models.data_types import COLUMN_TYPES, DataType
from inference.models.signature import Column, InputForm, Kind, ListOf, ObjectOf, Tensor
from worker.models.mlmodel import MLmodel
from worker.scoring.values import value_of

ENTITY_KEY = "match_id"
Row = Mapping[str, Any]
Reader = Callable[[Row], Any]


class RowInputs:
    """Makes inputs of the rows of a table with these columns; `texts` as a table's.

    `chosen` is what --columns says. Raises `Misconfigured` for a table that lacks what the model
    needs.
    """

    def __init__(
        self, columns: Sequence[str], mlmodel: MLmodel, chosen: Sequence[str], texts: bool
    ) -> None:
        self._part, self._texts = "features", texts
        self._columns = columns
        if missing := [name for name in chosen if name not in columns]:
            raise Misconfigured(f"the input has no column {', '.join(missing)} (--columns)")
        inputs = mlmodel.columns or mlmodel.tensors
        if mlmodel.form is InputForm.NAMED:
            self.needed, self._read = self._named(inputs, mlmodel.feature_table is not None, chosen)
        elif mlmodel.form is InputForm.LIST:
            self.needed, self._read = self._listed(inputs, chosen or columns)
        else:
            self.needed, self._read = self._alone(inputs[0].kind, chosen)

    def of(self, table: Any) -> Iterator[Mapping[str, Any] | InvalidInput]:
        """Returns an input for each row of an Arrow table, or why there is none."""
        for row in table.select(self.needed).to_pylist():
            try:
                yield {self._part: self._read(row)}
            except (UnfitAnswer, ValueError, TypeError, OverflowError) as error:
                yield InvalidInput(f"the row can't be read: {error}")

    def _named(
        self, inputs: Sequence[Column | Tensor], has_table: bool, chosen: Sequence[str]
    ) -> tuple[list[str], Reader]:
        if chosen:
            raise Misconfigured("--columns is for a model whose inputs have no names")
        found = [one for one in inputs if one.name in self._columns]
        if not found and has_table and ENTITY_KEY in self._columns:
            self._part = ENTITY_KEY
            return [ENTITY_KEY], partial(self._value, ENTITY_KEY, COLUMN_TYPES["long"])
        if missing := [one.name for one in inputs if one.required and one not in found]:
            raise Misconfigured(
                f"the input lacks columns that the model needs: {', '.join(map(repr, missing))}"
            )
        if not found:
            raise Misconfigured("the input has none of the model's columns")
        return [one.name for one in found], partial(self._object, found)

    def _listed(
        self, inputs: Sequence[Column | Tensor], names: Sequence[str]
    ) -> tuple[list[str], Reader]:
        _check_count(len(inputs), names)
        both = list(zip(names, (one.kind for one in inputs), strict=True))
        return list(names), lambda row: [self._value(name, kind, row) for name, kind in both]

    def _alone(self, kind: Kind, chosen: Sequence[str]) -> tuple[list[str], Reader]:
        """The one input without a name: a column, a vector of columns, or an object of them."""
        if isinstance(kind, ObjectOf) and not chosen:
            inside = [one for one in kind.properties if one.name in self._columns]
            if inside:
                return [one.name for one in inside], partial(self._object, inside)
        names = list(chosen or self._columns)
        item = kind.item if isinstance(kind, ListOf) else None
        if len(names) == 1:
            return names, partial(self._whole, names[0], kind)
        if not isinstance(item, DataType) or not isinstance(kind, ListOf):
            raise Misconfigured(
                f"the model takes one value, and the input has {len(names)} columns:"
                " name the one by --columns"
            )
        if kind.length >= 0:
            _check_count(kind.length, names)
        return names, lambda row: [self._value(name, item, row) for name in names]

    def _whole(self, name: str, kind: Kind, row: Row) -> Any:
        """A single number is a list of one, where the model takes a list of numbers."""
        value = self._value(name, kind, row)
        vector = isinstance(kind, ListOf) and isinstance(kind.item, DataType)
        if not vector or value is None or isinstance(value, list):
            return value
        assert isinstance(kind, ListOf)
        return [self._value(name, kind.item, row)]

    def _object(self, parts: Sequence[Any], row: Row) -> dict[str, Any]:
        values = {one.name: self._value(one.name, one.kind, row) for one in parts}
        return {
            one.name: values[one.name]
            for one in parts
            if values[one.name] is not None or one.kind is COLUMN_TYPES["any"]
        }

    def _value(self, name: str, kind: Kind, row: Row) -> Any:
        return value_of(kind, row[name], text=self._texts)


def _check_count(wanted: int, names: Sequence[str]) -> None:
    if len(names) != wanted:
        raise Misconfigured(
            f"the model takes {wanted} columns without names, and the input has {len(names)}:"
            " name them in order by --columns"
        )
