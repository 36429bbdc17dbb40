"""Reads and replaces a file by its URL, with fsspec.

The URL is a path of this machine, or an object of a store (`s3://bucket/key`, `gs://…`).

A file may be read while it is written, so it is replaced whole or not at all. An object store's PUT
does that; for a local file it takes a draft beside it and a rename. S3 and Google's store need no
further package. Arrow brings its own clients of them, which take their settings from the URL
(`?region=…&endpoint_override=…`) and the usual variables. Where fsspec's own package for a protocol
is installed (s3fs, gcsfs, adlfs …), that is used. A gateway has Arrow only with the extra `s3`.
"""

import os
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import quote

from inference.blobs.atomic_write import sync_file, sync_folder, write_atomically
from inference.errors import Misconfigured

_OF_ARROW = ("s3", "gs", "gcs")


@dataclass(frozen=True, slots=True)
class File:
    """Where a file is.

    Every call may block, and raises OSError (FileNotFoundError for one that is not there).
    """

    filesystem: Any
    path: str

    @property
    def local(self) -> bool:
        """Whether it is a path of this machine."""
        return "file" in _protocols(self.filesystem)

    def token(self) -> str:
        """Returns a text that changes when the file is another.

        It is made of the file's size, time and inode, or of the store's ETag.
        """
        self.filesystem.invalidate_cache()
        return str(self.filesystem.ukey(self.path))

    def exists(self) -> bool:
        self.filesystem.invalidate_cache()
        return bool(self.filesystem.exists(self.path))

    def size(self) -> int:
        return int(self.filesystem.size(self.path))

    def read(self) -> bytes:
        """All of it at once: several reads could meet two versions."""
        return bytes(self.filesystem.cat_file(self.path))

    def open(self) -> Any:
        """Returns a binary file, to be read a part at a time."""
        return self.filesystem.open(self.path, "rb")

    def replace(self, content: bytes) -> None:
        """Readers see the old content or the new, and after a crash too."""
        if not self.local:
            self.filesystem.pipe_file(self.path, content)
            return
        path = Path(self.path)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, content)

    def replace_by(self, draft: Path) -> None:
        """As `replace`, by a file of this machine, which may be gone then.

        For a local file `draft` must be of the same file system.
        """
        if not self.local:
            self.filesystem.put_file(str(draft), self.path)
            return
        path = Path(self.path)
        sync_file(draft)
        draft.rename(path)
        sync_folder(path.parent)

    def other(self, path: str) -> "File":
        """Another file of the same store."""
        return File(self.filesystem, path)


def file_at(url: str) -> File:
    """Finds the store of a URL or path.

    Raises `Misconfigured` for one that can't be reached from here.
    """
    from fsspec.core import url_to_fs

    try:
        return File(*url_to_fs(url))
    except ImportError as error:
        by_arrow = url.partition("://")[0] in _OF_ARROW
        if by_arrow and find_spec("pyarrow"):
            return _by_arrow(url)
        extra = (
            "; the extra s3 of this project does too (an image has it by --build-arg S3=yes)"
            if by_arrow
            else ""
        )
        raise Misconfigured(
            f"{without_secrets(url)} needs a package that is not installed: {error}{extra}"
        ) from error
    except ValueError as error:
        raise _no_place(url, error) from error


def _no_place(url: str, error: Exception) -> Misconfigured:
    known = without_secrets(url)
    return Misconfigured(f"{known} is no place for a file: {str(error).replace(url, known)}")


def without_secrets(url: str) -> str:
    """A URL as it may be logged: without its user, password and query."""
    scheme, mark, rest = url.partition("?")[0].rpartition("://")
    return scheme + mark + rest.rpartition("@")[2] if mark else rest


def _by_arrow(url: str) -> File:
    from fsspec.implementations.arrow import ArrowFSWrapper
    from pyarrow.fs import FileSystem

    class ArrowStore(ArrowFSWrapper):  # type: ignore[misc]
        """Tells objects apart by their ETag: their time has seconds alone."""

        def ukey(self, path: str) -> str:
            with self.fs.open_input_stream(path) as stream:
                return str(sorted(stream.metadata().items()))

    try:
        found, path = FileSystem.from_uri(_with_ca(url))
    except (ValueError, OSError) as error:
        raise _no_place(url, error) from error
    return File(ArrowStore(found), path)


def _with_ca(url: str) -> str:
    """Names the file of CAs, for which Arrow reads no variable. Its client of Google takes none."""
    file = os.environ.get("AWS_CA_BUNDLE")
    if not file or not url.startswith("s3://") or "tls_ca_file_path=" in url:
        return url
    return f"{url}{'&' if '?' in url else '?'}tls_ca_file_path={quote(file)}"


def _protocols(filesystem: Any) -> tuple[str, ...]:
    protocol = filesystem.protocol
    return (protocol,) if isinstance(protocol, str) else tuple(protocol)
