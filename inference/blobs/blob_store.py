"""Where large inputs and results are kept: a shared folder, or an object store by fsspec.

Its calls block. They are safe between threads.

A folder has its own few lines, since fsspec's local files are neither synced nor written beside and
renamed: accepted must mean on disk here as in the store (protocol rule 4). An object store's PUT is
both. Whatever goes wrong is one of two errors: unavailable (again may help) and gone.
"""

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import unquote, urlsplit

from inference.blobs.atomic_write import sync_folder, write_atomically
from inference.blobs.blob_names import Reference, draft_name
from inference.blobs.url_files import file_at, without_secrets
from inference.errors import Misconfigured, PayloadGone, PayloadUnavailable

_PROBE = "probe"
_OWNER = "owner"


class Payloads(Protocol):
    """A place for payloads by name."""

    def write(self, name: str, data: bytes | bytearray) -> None:
        """Keeps a payload, whole or not at all, on disk when it returns.

        Raises `PayloadUnavailable`.
        """

    def read(self, name: str) -> bytes:
        """Returns a payload; raises `PayloadUnavailable` or `PayloadGone`."""

    def remove(self, name: str) -> None:
        """Drops a payload that may be there or not; raises `PayloadUnavailable`."""

    def names(self) -> Iterator[str]:
        """Lists what is there, drafts of writes that never ended included.

        Raises `PayloadUnavailable`.
        """


def payloads_at(url: str, key_prefix: str) -> Payloads | None:
    """Returns the place that PAYLOAD_URL names, None for ''; raises `Misconfigured`.

    Services that share it differ by prefix.
    """
    if not url:
        return None
    if url.startswith("file:"):
        return Folder(Path(unquote(urlsplit(url).path)), key_prefix)
    return Bucket(url, key_prefix)


def content(place: Payloads | None, reference: Reference) -> bytes:
    """Returns what a reference stands for; raises `PayloadUnavailable` or `PayloadGone`."""
    if place is None:
        raise PayloadUnavailable(
            "a large payload is kept where PAYLOAD_URL says, which is not set here"
        )
    data = place.read(reference.name)
    if len(data) != reference.bytes:
        raise PayloadGone(
            f"the payload {reference.name} has {len(data)} bytes and was written with"
            f" {reference.bytes}"
        )
    return data


def weakness(place: Payloads) -> str:
    """Writes a few bytes and reads them; returns what is wrong, as a sentence, or ''."""
    try:
        place.write(_PROBE, _PROBE.encode())
        place.read(_PROBE)
    except (PayloadUnavailable, PayloadGone) as error:
        return f"{error}: large inputs are refused, large results come late"
    return ""


def owner(place: Payloads, identity: str) -> str:
    """Returns the store that a place belongs to; it is the one named if it had none yet.

    Raises `PayloadUnavailable`.
    """
    try:
        return place.read(_OWNER).decode("ascii", "replace")
    except PayloadGone:
        place.write(_OWNER, identity.encode())
        return identity


class Folder:
    """Files.

    The folder must be there: one that we made ourselves could be the place where a volume is
    missing.
    """

    def __init__(self, root: Path, key_prefix: str) -> None:
        self.root = root
        self._folder = root / key_prefix

    def write(self, name: str, data: bytes | bytearray) -> None:
        try:
            self._make_folder()
            write_atomically(self._folder / name, data, draft_name=draft_name(name))
        except OSError as error:
            raise _unavailable("be written to", self.root, error) from error

    def _make_folder(self) -> None:
        if not self._folder.is_dir():
            self._folder.mkdir(exist_ok=True)
            sync_folder(self.root)

    def read(self, name: str) -> bytes:
        try:
            return (self._folder / name).read_bytes()
        except FileNotFoundError as error:
            if not self.root.is_dir():
                raise _unavailable("be read from", self.root, error) from error
            raise _gone(name, self.root) from error
        except OSError as error:
            raise _unavailable("be read from", self.root, error) from error

    def remove(self, name: str) -> None:
        try:
            (self._folder / name).unlink(missing_ok=True)
        except OSError as error:
            raise _unavailable("be removed from", self.root, error) from error

    def names(self) -> Iterator[str]:
        try:
            with os.scandir(self.root):
                pass
            with suppress(FileNotFoundError), os.scandir(self._folder) as entries:
                yield from (entry.name for entry in entries)
        except OSError as error:
            raise _unavailable("be listed in", self.root, error) from error


class Bucket:
    """Objects, by whichever of fsspec's file systems the URL names.

    What those raise is theirs: only "not found" has one name.
    """

    def __init__(self, url: str, key_prefix: str) -> None:
        try:
            place = file_at(url)
        except Misconfigured as error:
            raise Misconfigured(f"PAYLOAD_URL: {error}") from error
        self._fs = place.filesystem
        self._folder = f"{place.path.rstrip('/')}/{key_prefix}"
        # The first part of the path, with the stroke that it has in a file system.
        self._bucket = place.path[:1] + place.path[1:].partition("/")[0]
        self._url = without_secrets(url)

    def write(self, name: str, data: bytes | bytearray) -> None:
        try:
            self._fs.makedirs(self._folder, exist_ok=True)
            self._fs.pipe_file(f"{self._folder}/{name}", data)
        except Exception as error:  # foreign code: see the class
            raise _unavailable("be written to", self._url, error) from error

    def read(self, name: str) -> bytes:
        try:
            return bytes(self._fs.cat_file(f"{self._folder}/{name}"))
        except FileNotFoundError as error:
            if not self._is_there():
                raise _unavailable("be read from", self._url, error) from error
            raise _gone(name, self._url) from error
        except Exception as error:  # foreign code: see the class
            raise _unavailable("be read from", self._url, error) from error

    def _is_there(self) -> bool:
        """Of a bucket that is missing, objects are said to be missing.

        That is somebody's mistake, and may be mended.
        """
        try:
            return bool(self._fs.exists(self._bucket))
        except Exception:  # foreign code: see the class
            return False

    def remove(self, name: str) -> None:
        try:
            self._fs.rm_file(f"{self._folder}/{name}")
        except FileNotFoundError:
            return
        except Exception as error:  # foreign code: see the class
            raise _unavailable("be removed from", self._url, error) from error

    def names(self) -> Iterator[str]:
        try:
            self._fs.invalidate_cache()
            found = self._fs.ls(self._folder, detail=False)
        except FileNotFoundError:
            return
        except Exception as error:  # foreign code: see the class
            raise _unavailable("be listed in", self._url, error) from error
        yield from (str(path).rpartition("/")[2] for path in found)


def _unavailable(what: str, where: Any, error: Exception) -> PayloadUnavailable:
    reason = (
        error.strerror
        if isinstance(error, OSError) and error.strerror
        else f"{type(error).__name__}: {error}"
    )
    return PayloadUnavailable(f"a large payload could not {what} {where}: {reason}")


def _gone(name: str, where: Any) -> PayloadGone:
    return PayloadGone(f"the payload {name} is no longer in {where}")
