"""Keeps downloaded versions of models in a folder.

The folder outlives the worker, and several workers may share it.

A version of a registry never changes, so a copy is as good as the registry's. With it a registry
that is away stops neither a restart nor one more worker. A registry that was set up anew counts its
versions from 1 again. So a copy is told by the version's identity, and by its number alone only
where that is not known. Without a folder nothing is kept.
"""

import json
import os
import shutil
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from hashlib import blake2b
from pathlib import Path
from tempfile import mkdtemp

import structlog

from inference.blobs.atomic_write import write_atomically
from inference.ids import MODEL_NAME

log = structlog.get_logger()

KEPT = 3
"""Versions of a model that are kept, the last used."""

DRAFT_OLD_S = 86_400.0
"""A download that was broken off is removed after this time."""


@dataclass(frozen=True, slots=True)
class Resolved:
    """One version of a model; its `uri` names it for good, whatever its aliases do."""

    name: str
    version: str
    uri: str
    identity: str = field(default="", compare=False)
    """What tells it from another of the same number; '' where nobody knows."""


class ModelCache:
    """The copies in a folder; `folder` '' keeps none.

    What the disk refuses is logged, and the worker goes on without.
    """

    def __init__(self, folder: str) -> None:
        self._folder = Path(folder) if folder else None

    def remember(self, model_uri: str, resolved: Resolved) -> None:
        """Notes what the registry said an address means."""
        if self._folder is None:
            return
        note = self._note(resolved.name, model_uri)
        try:
            note.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(note, json.dumps(asdict(resolved)).encode(), sync=False)
        except OSError as error:
            log.warning("cache.unwritable", reason=str(error))

    def recall(self, model_uri: str, name: str) -> Resolved | None:
        """What an address meant when the registry was last asked, if that version is here."""
        if self._folder is None:
            return None
        try:
            resolved = Resolved(**json.loads(self._note(name, model_uri).read_text()))
        except (OSError, ValueError, TypeError):
            return None
        return resolved if self.find(resolved) else None

    def known(self, resolved: Resolved) -> Resolved | None:
        """The version with the identity of its copy; None if there is no copy."""
        copy = self.find(resolved)
        return replace(resolved, identity=copy.name.rpartition("-")[2]) if copy else None

    def find(self, resolved: Resolved) -> Path | None:
        """The copy of a version; of one whose identity is not known the one used last."""
        if self._folder is None:
            return None
        copies = (self._folder / _folder_name(resolved.name)).glob(
            f"{resolved.version}-{resolved.identity or '*'}"
        )
        return max(copies, key=_used, default=None)

    def keep(self, resolved: Resolved, download: Callable[[Path], Path]) -> tuple[Path, bool]:
        """Has a version downloaded into a folder.

        Answers where it is, and whether it is kept there.
        """
        home = self._home(resolved.name)
        draft = (
            Path(mkdtemp(prefix=".draft-", dir=home))
            if home
            else Path(mkdtemp(prefix=f"model-{_folder_name(resolved.name)}-"))
        )
        try:
            inside = download(draft).relative_to(draft)
            if home is None:
                return draft / inside, False
            place = home / f"{resolved.version}-{resolved.identity}"
            (draft / "model").symlink_to(inside)
            self._put(draft, place)
        except BaseException:
            shutil.rmtree(draft, ignore_errors=True)
            raise
        self._prune(home, place)
        return place / "model", True

    def use(self, copy: Path) -> Path:
        """The model's folder in a copy, which counts as used now."""
        try:
            os.utime(copy)
        except OSError as error:
            log.info("cache.unwritable", reason=str(error))
        return copy / "model"

    def _home(self, name: str) -> Path | None:
        """The folder of a model's copies; None if none are to be kept, or can't be."""
        if self._folder is None:
            return None
        home = self._folder / _folder_name(name)
        try:
            home.mkdir(parents=True, exist_ok=True)
            (home / ".writable").touch()
        except OSError as error:
            log.warning("cache.unwritable", reason=str(error))
            return None
        return home

    def _put(self, draft: Path, place: Path) -> None:
        try:
            draft.rename(place)
        except OSError:
            if not place.is_dir():
                raise
            shutil.rmtree(draft, ignore_errors=True)  # another worker was quicker

    def _prune(self, home: Path, kept: Path) -> None:
        copies = sorted(
            (path for path in home.glob("[!.]*-*") if path.is_dir() and path != kept), key=_used
        )
        drafts = [path for path in home.glob(".draft-*") if time.time() - _used(path) > DRAFT_OLD_S]
        for path in [*copies[: max(0, len(copies) + 1 - KEPT)], *drafts]:
            shutil.rmtree(path, ignore_errors=True)

    def _note(self, name: str, model_uri: str) -> Path:
        assert self._folder is not None
        return self._folder / _folder_name(name) / f"said-{_digest(model_uri)}.json"


def _folder_name(model: str) -> str:
    """Names a folder for whatever MLflow takes as a name; no two share one."""
    return model if MODEL_NAME.fullmatch(model) else f"_{_digest(model)}"


def _digest(text: str) -> str:
    return blake2b(text.encode("utf-8", "replace"), digest_size=6).hexdigest()


def _used(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0
