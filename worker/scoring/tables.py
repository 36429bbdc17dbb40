"""Reads a table a few rows at a time, whatever its size: Parquet by row groups, CSV by lines."""

import csv
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from io import TextIOWrapper
from itertools import islice
from typing import Any, Protocol

import pyarrow as pa
import pyarrow.parquet as pq

from inference.blobs.url_files import File
from inference.errors import Misconfigured, first_line
from worker.scoring.options import PARQUET

READ_BYTES = 2**20
"""Read of a Parquet file's column at once."""
_LONGEST_CELL = 2**31 - 1


class Table(Protocol):
    """A table of a file. What can't be read raises `Misconfigured` with a sentence."""

    schema: Any
    """Arrow's."""
    rows: int | None
    """None where a file does not say."""
    texts: bool
    """Whether all values are text, an empty one for what is missing."""

    def batches(self, first: int, size: int) -> Iterator[Any]:
        """Tables of at most `size` rows each, from the row `first` on, counted from 0."""
        ...

    def share(self) -> float | None:
        """How much of the file the last batches were read up to, where `rows` is not known."""
        ...


def table_in(file: File, url: str, form: str) -> Table:
    """Opens a table; `url` names it in errors. Raises `Misconfigured`."""
    table: Table = (ParquetTable if form == PARQUET else CsvTable)(file, url)
    names = table.schema.names
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise Misconfigured(f"{url} has two columns of one name: {', '.join(twice)}")
    return table


class ParquetTable:
    """One Parquet file."""

    texts = False

    def __init__(self, file: File, url: str) -> None:
        self._file, self._url = file, url
        with self._opened() as parquet:
            said = parquet.metadata
            self.schema = parquet.schema_arrow
            self.rows: int | None = said.num_rows
            self._groups = [said.row_group(n).num_rows for n in range(said.num_row_groups)]

    def batches(self, first: int, size: int) -> Iterator[Any]:
        skip, group = first, 0
        while group < len(self._groups) and skip >= self._groups[group]:
            skip -= self._groups[group]
            group += 1
        left = list(range(group, len(self._groups)))
        with self._opened() as parquet:
            for batch in parquet.iter_batches(size, left) if left else ():
                begun = batch.slice(min(skip, batch.num_rows))
                skip -= batch.num_rows - begun.num_rows
                if begun.num_rows:
                    yield pa.Table.from_batches([begun])

    def share(self) -> None:
        """The number of rows is known."""

    @contextmanager
    def _opened(self) -> Iterator[Any]:
        with _readable(self._url), self._file.open() as raw:
            yield pq.ParquetFile(raw, buffer_size=READ_BYTES)


class CsvTable:
    """One CSV file in UTF-8, with a line of names; each value is its text."""

    texts = True
    rows: int | None = None

    def __init__(self, file: File, url: str) -> None:
        self._file, self._url = file, url
        self._read = 0.0
        csv.field_size_limit(_LONGEST_CELL)
        with self._opened() as (_, lines):
            names = next(lines, None)
        if not names:
            raise Misconfigured(f"{url} has no line of names")
        self.schema = pa.schema([(name, pa.string()) for name in names])

    def batches(self, first: int, size: int) -> Iterator[Any]:
        with self._opened() as (raw, lines):
            bytes_in_all = max(1, self._file.size())
            next(lines, None)
            rows = islice(self._rows(lines), first, None)
            while chunk := list(islice(rows, size)):
                self._read = raw.tell() / bytes_in_all
                columns = [pa.array(values, pa.string()) for values in zip(*chunk, strict=True)]
                yield pa.Table.from_arrays(columns, schema=self.schema)

    def share(self) -> float:
        return self._read

    def _rows(self, lines: Any) -> Iterator[Sequence[str]]:
        """A line without anything is none."""
        wanted = len(self.schema)
        for number, row in enumerate(filter(None, lines), 1):
            if len(row) != wanted:
                raise Misconfigured(
                    f"row {number} of {self._url} has {len(row)} values and not {wanted}"
                )
            yield row

    @contextmanager
    def _opened(self) -> Iterator[Any]:
        with (
            _readable(self._url),
            self._file.open() as raw,
            TextIOWrapper(raw, "utf-8-sig", newline="") as text,
        ):
            yield raw, csv.reader(text, strict=True)


@contextmanager
def _readable(url: str) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError as error:
        raise Misconfigured(f"there is no file {url}") from error
    except (OSError, ValueError, csv.Error) as error:  # Arrow's errors are ValueErrors
        raise Misconfigured(f"{url} can't be read: {first_line(error)}") from error
