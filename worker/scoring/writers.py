"""Writes the output: the input's columns, then those of the answers and the errors.

A few rows at a time, into a file of this machine that takes the output's place when it is whole.
"""

import csv
import json
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self

import pyarrow as pa
import pyarrow.parquet as pq

from inference.errors import UnfitAnswer
from worker.models.json_values import json_value
from worker.scoring.options import PARQUET
from worker.scoring.result_types import Columns, array_of, parts_of

GROUP_ROWS, GROUP_BYTES = 65_536, 64 * 2**20
"""A Parquet file's row group is written when it has so many rows or bytes."""


class Writer(Protocol):
    """A file that is being written; it is whole when its `with` has ended."""

    def write(self, table: Any, answers: Sequence[Any], errors: Sequence[str | None]) -> None:
        """Adds rows: of the input, and what was answered or what went wrong."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...


def writer_of(
    form: str, path: Path, schema: Any, titles: Sequence[str], columns: Columns
) -> Writer:
    """Returns what writes a file of this format.

    `titles` are the names of the answers' columns and of the errors' one; `schema` is the input's.
    """
    kind = ParquetWriter if form == PARQUET else CsvWriter
    return kind(path, schema, titles, columns)


class ParquetWriter:
    """Writes Parquet. What has no type of its own is JSON as text."""

    def __init__(self, path: Path, schema: Any, titles: Sequence[str], columns: Columns) -> None:
        self._columns = columns
        self._schema = schema
        for title, kind in zip(titles, [*columns.values(), pa.string()], strict=True):
            self._schema = self._schema.append(pa.field(title, kind or pa.string()))
        self._file = pq.ParquetWriter(path, self._schema, compression="zstd")
        self._waiting: list[Any] = []
        self._rows = self._bytes = 0

    def write(self, table: Any, answers: Sequence[Any], errors: Sequence[str | None]) -> None:
        added = [
            array_of(
                parts if kind else (None if part is None else _json(part) for part in parts),
                kind or pa.string(),
            )
            for kind, parts in (
                (kind, parts_of(answers, name)) for name, kind in self._columns.items()
            )
        ]
        arrays = [*table.columns, *added, pa.array(errors, pa.string())]
        added_rows = pa.Table.from_arrays(arrays, schema=self._schema)
        self._waiting.append(added_rows)
        self._rows += added_rows.num_rows
        self._bytes += added_rows.nbytes
        if self._rows >= GROUP_ROWS or self._bytes >= GROUP_BYTES:
            self._flush()

    def _flush(self) -> None:
        if self._waiting:
            self._file.write_table(pa.concat_tables(self._waiting))
        self._waiting, self._rows, self._bytes = [], 0, 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            if error is None:
                self._flush()
        finally:
            self._file.close()


class CsvWriter:
    """Writes CSV. What is missing is empty; lists and objects are JSON."""

    def __init__(self, path: Path, schema: Any, titles: Sequence[str], columns: Columns) -> None:
        self._columns = columns
        self._file = path.open("w", encoding="utf-8", newline="")
        self._rows = csv.writer(self._file, lineterminator="\n")
        self._rows.writerow([*schema.names, *titles])

    def write(self, table: Any, answers: Sequence[Any], errors: Sequence[str | None]) -> None:
        kept = [map(_carried, column.to_pylist()) for column in table.columns]
        added = [
            [_cell(part, as_json=kind is None) for part in parts_of(answers, name)]
            for name, kind in self._columns.items()
        ]
        self._rows.writerows(zip(*kept, *added, errors, strict=True))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()


def _carried(value: Any) -> str:
    """A value of the input as text."""
    try:
        return _cell(json_value(value))
    except UnfitAnswer:  # of a type of Arrow's that JSON has no words for
        return str(value)


def _cell(value: Any, as_json: bool = False) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) and not as_json else _json(value)


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
