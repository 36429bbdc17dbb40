"""Keeps the batches scored so far, one file each, so that a run that was killed goes on from there.

The folder's name says from which version, date, data and batch size the files were made.

The folder is beside the file to come, so that a run on another node finds it too. Parts of
something else (another version, date, data or batch size) are of no use to anybody any more and are
removed.
"""

from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import structlog

from examples.football.file_layout import arrow_schema
from inference.blobs.url_files import File

log = structlog.get_logger()


class Parts:
    """The parts of one file; `made_of` names what they are parts of."""

    def __init__(self, output: File, made_of: str) -> None:
        self._all = f"{output.path}.parts"
        self._folder = f"{self._all}/{made_of}"
        self._output = output

    def scored(self) -> dict[int, Any]:
        """Returns the parts that are there, as tables by number.

        A part that can't be read is as good as not there.
        """
        found = {}
        for path in self._list(self._folder):
            name = path.rpartition("/")[2]
            if name.endswith(".parquet") and (table := self._read(path)) is not None:
                found[int(name.removesuffix(".parquet"))] = table
        return found

    def keep(self, number: int, table: Any) -> None:
        """Keeps a part, on disk when this returns."""
        self._output.other(f"{self._folder}/{number:06}.parquet").replace(to_bytes(table))

    def drop_others(self) -> None:
        """Removes the parts of something else."""
        for path in self._list(self._all):
            if path.rstrip("/") != self._folder:
                log.info("batch.parts_dropped", made_of=path.rstrip("/").rpartition("/")[2])
                self._output.filesystem.rm(path, recursive=True)

    def drop(self) -> None:
        """Removes all parts; a run beside this one may have done so."""
        try:
            self._output.filesystem.rm(self._all, recursive=True)
        except FileNotFoundError:
            return

    def _list(self, folder: str) -> list[str]:
        self._output.filesystem.invalidate_cache()
        try:
            return [str(path) for path in self._output.filesystem.ls(folder, detail=False)]
        except FileNotFoundError:
            return []

    def _read(self, path: str) -> Any:
        try:
            table = pq.read_table(pa.BufferReader(self._output.other(path).read()))
        except (OSError, ValueError):  # Arrow's errors are ValueErrors
            return None
        return table if table.schema.equals(arrow_schema()) else None


def to_bytes(table: Any) -> bytes:
    """A table as a Parquet file, with its schema's metadata."""
    out = pa.BufferOutputStream()
    pq.write_table(table, out, compression="zstd")
    return bytes(out.getvalue())
