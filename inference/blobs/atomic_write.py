"""Writes a file that others read meanwhile: they see the old content or the new one.

They never see a part.
"""

import os
import secrets
from contextlib import suppress
from pathlib import Path

DRAFT = ".draft"
"""How the name of a file ends that is being written."""


def write_atomically(
    path: Path, data: bytes | bytearray, *, draft_name: str = "", sync: bool = True
) -> None:
    """Writes a draft in the same folder and renames it. Raises OSError, and then no draft is left.

    With `sync` the file is on disk when this returns. `draft_name` is for a folder whose drafts
    need names of their own; the default one begins with a dot, so that a pattern such as `name.*`
    does not find it.
    """
    draft = path.with_name(draft_name or f".{path.name}.{secrets.token_hex(8)}{DRAFT}")
    try:
        with draft.open("xb", buffering=0) as file:
            _write_all(file.fileno(), data)
            if sync:
                os.fsync(file.fileno())
        draft.rename(path)
    except BaseException:
        with suppress(OSError):
            draft.unlink()
        raise
    if sync:
        sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Makes renames in a folder survive a crash."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_file(path: Path) -> None:
    """Has what was written to a file on disk when it returns."""
    with path.open("rb") as file:
        os.fsync(file.fileno())


def _write_all(descriptor: int, data: bytes | bytearray) -> None:
    """Unbuffered writes may take a part only, as on a disk that is nearly full."""
    left = memoryview(data)
    while left:
        left = left[os.write(descriptor, left) :]
