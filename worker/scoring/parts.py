"""Keeps what was scored so far, a file for each part, so that a run that was killed goes on.

The folder is beside the output, so that a run on another machine finds it too. Inside of it is a
folder for what the parts are made of: parts of anything else are never joined to them.
"""

from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from inference.blobs.url_files import File

SUFFIX = ".parquet"


class Parts:
    """The parts of one output; `made_of` names what they are parts of."""

    def __init__(self, output: File, made_of: str) -> None:
        self._all = f"{output.path}.parts"
        self.folder = f"{self._all}/{made_of}"
        self._output = output

    def names(self) -> list[str]:
        """Returns the names of the parts that are there, in order."""
        names = [path.rpartition("/")[2] for path in self._list(self.folder)]
        return sorted(
            name.removesuffix(SUFFIX)
            for name in names
            if name.endswith(SUFFIX) and not name.startswith(".")
        )

    def covered(self) -> tuple[list[str], int]:
        """Returns the parts that follow on each other from row 0 on, and how many rows they have.

        They are named by `range_name`.
        """
        begun = {int(name.partition("-")[0]): name for name in self.names()}
        chain, end = [], 0
        while name := begun.get(end):
            last = int(name.partition("-")[2])
            if self.rows(name) != last - end:
                break
            chain.append(name)
            end = last
        return chain, end

    def read(self, name: str) -> Any:
        """Returns a part as a table, None for one that can't be read: it is as good as none."""
        try:
            return pq.read_table(pa.BufferReader(self._file(name).read()))
        except (OSError, ValueError):  # Arrow's errors are ValueErrors
            return None

    def rows(self, name: str) -> int:
        """Returns how many rows a part says that it has; -1 for one that can't be read."""
        try:
            with self._file(name).open() as raw:
                return int(pq.ParquetFile(raw).metadata.num_rows)
        except (OSError, ValueError):
            return -1

    def keep(self, name: str, table: Any) -> None:
        """Keeps a part, on disk when this returns."""
        self._file(name).replace(to_bytes(table))

    def others(self) -> list[str]:
        """Returns what other parts there are made of."""
        paths = [path.rstrip("/") for path in self._list(self._all)]
        return [path.rpartition("/")[2] for path in paths if path != self.folder]

    def drop_others(self) -> list[str]:
        """Removes the parts of anything else, and returns what those were made of."""
        found = self.others()
        for name in found:
            self._output.filesystem.rm(f"{self._all}/{name}", recursive=True)
        return found

    def drop(self) -> None:
        """Removes all parts; a run beside this one may have done so."""
        try:
            self._output.filesystem.rm(self._all, recursive=True)
        except FileNotFoundError:
            return

    def beside(self, made_of: str, name: str) -> File:
        """Another file in the folder of what is made of `made_of`."""
        return self._output.other(f"{self._all}/{made_of}/{name}")

    def _file(self, name: str) -> File:
        return self._output.other(f"{self.folder}/{name}{SUFFIX}")

    def _list(self, folder: str) -> list[str]:
        self._output.filesystem.invalidate_cache()
        try:
            return [str(path) for path in self._output.filesystem.ls(folder, detail=False)]
        except FileNotFoundError:
            return []


def range_name(begin: int, end: int) -> str:
    """Returns the name of a part by the rows that it has, from `begin` to before `end`."""
    return f"{begin:012}-{end:012}"


def to_bytes(table: Any) -> bytes:
    """Returns a table as a Parquet file, with its schema's metadata."""
    out = pa.BufferOutputStream()
    pq.write_table(table, out, compression="zstd")
    return bytes(out.getvalue())
