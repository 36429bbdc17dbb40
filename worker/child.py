"""What the child tells its parent besides results: that it holds the model, or why it can't. Marks are files named by process."""

import os
from collections.abc import Callable
from pathlib import Path

RUN_FOLDER = "INFERENCE_WORKER_FOLDER"
"""The environment variable by which the parent tells its child where the marks go."""


MOST_DEATHS = 3
"""Children that may die one after the other before they hold the model; then the worker ends, and says so."""


class ChildMarks:
    """The marks of the children of one worker; `pid` answers the child that the pool has now, 0 for none."""

    def __init__(self, folder: Path, pid: Callable[[], int] = lambda: 0) -> None:
        self._folder = folder
        self._seen: set[int] = set()
        self.pid = pid

    def loaded(self) -> bool:
        """Whether the present child holds the model."""
        return self._mark().exists() and not self.died()

    def version(self) -> str:
        """The version that the present child holds, or ''."""
        try:
            return self._mark().read_text()
        except FileNotFoundError:
            return ""

    def died(self) -> bool:
        """Whether the pool's child is dead and not replaced yet (a zombie, or gone), by Linux's /proc."""
        pid = self.pid()
        if not pid:
            return False
        try:
            return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in "ZX"
        except (FileNotFoundError, ProcessLookupError):
            return True

    def _mark(self) -> Path:
        return self._folder / f"loaded.{self.pid()}"

    def failed(self) -> str:
        """Why the children can't load the model, as a sentence, or ''. Asked again and again, it counts those that died loading."""
        for mark in self._folder.glob("failed.*"):
            return mark.read_text()
        if pid := self.pid():
            self._seen.add(pid)
        # Judged by their marks, which stay: a child may load, run and die between two looks.
        if any((self._folder / f"loaded.{pid}").exists() for pid in self._seen):
            self._seen.clear()
        return "its process died again and again while it loaded" if len(self._seen) > MOST_DEATHS else ""


def mark_loaded(folder: Path, version: str) -> None:
    """Says that this process holds the model, and which version."""
    _write(folder / f"loaded.{os.getpid()}", version)


def mark_failed(folder: Path, sentence: str) -> None:
    """Says why this process could not load the model."""
    _write(folder / f"failed.{os.getpid()}", sentence or "it could not be loaded")


def _write(mark: Path, text: str) -> None:
    """The parent must not read half of it."""
    draft = mark.with_name(f"draft.{os.getpid()}")
    draft.write_text(text)
    draft.rename(mark)
