"""What the child tells its parent besides results: that it holds the model, or why it can't.

By files that are named by process.
"""

import os
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, Self

from inference.blobs.atomic_write import write_atomically

RUN_FOLDER = "INFERENCE_WORKER_FOLDER"
"""The environment variable by which the parent tells its child where the files go."""

PINNED = "INFERENCE_MODEL_VERSION"
"""The one by which it tells which version to load; not set, the child asks the registry."""

MOST_DEATHS = 3
"""How many children may die one after the other before they hold the model.

Then the worker ends, and says so.
"""


class HeldVersion(NamedTuple):
    """A version of the model; all is '' where there is none.

    Its identity tells it from another of the same number.
    """

    number: str = ""
    identity: str = ""

    @classmethod
    def read(cls, text: str) -> Self:
        """Reads what `str()` wrote."""
        number, _, identity = text.partition(":")
        return cls(number, identity)

    def __str__(self) -> str:
        return f"{self.number}:{self.identity}" if self.identity else self.number


NO_VERSION = HeldVersion()


class ChildStatusFiles:
    """Reads the files that the children of one worker wrote.

    `pid` answers the child that the pool has now, 0 for none.
    """

    def __init__(self, folder: Path, pid: Callable[[], int] = lambda: 0) -> None:
        self._folder = folder
        self._seen: set[int] = set()
        self.pid = pid

    def loaded(self) -> bool:
        """Whether the present child holds the model."""
        return self._loaded_file().exists() and not self.died()

    def held(self) -> HeldVersion:
        """The version that the present child holds."""
        return HeldVersion.read(self._told(0))

    def version(self) -> str:
        """Its number, or ''."""
        return self.held().number

    def bytes_when_loaded(self) -> int:
        """Returns the private memory of the present child right after loading.

        In bytes, as `private_bytes` counts them; 0 while the child loads.
        """
        return int(self._told(1) or 0)

    def device(self) -> str:
        """Where the present child's model runs: `cpu` or `cuda:0`; '' while it loads."""
        return self._told(2)

    def gpu(self) -> str:
        """The UUID of the GPU that the present child uses, '' for none."""
        return self._told(3)

    def moved_to(self) -> HeldVersion:
        """Returns the version that the model's address means now, if the child holds another.

        The present child reports it.
        """
        return HeldVersion.read(_read(self._folder / f"moved.{self.pid()}"))

    def died(self) -> bool:
        """Whether the pool's child is dead and not replaced yet.

        A dead child is a zombie, or gone, by Linux's /proc.
        """
        pid = self.pid()
        if not pid:
            return False
        try:
            return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in "ZX"
        except (FileNotFoundError, ProcessLookupError):
            return True

    def failed(self) -> tuple[HeldVersion, str]:
        """Returns the pinned version that the children can't load, and why, as a sentence.

        There is no version where none was pinned, and no sentence where nothing failed. Asked again
        and again, it counts those that died loading.
        """
        for file in self._folder.glob("failed.*"):
            version, _, sentence = file.read_text().partition("\n")
            return HeldVersion.read(version), sentence
        if pid := self.pid():
            self._seen.add(pid)
        # Judged by their files, which stay: a child may load, run and die between two looks.
        if any((self._folder / f"loaded.{pid}").exists() for pid in self._seen):
            self._seen.clear()
        died = len(self._seen) > MOST_DEATHS
        return (
            (pinned_version(), "its process died again and again while it loaded")
            if died
            else (NO_VERSION, "")
        )

    def forget_failures(self) -> None:
        """Another version is tried."""
        self._seen.clear()
        for file in self._folder.glob("failed.*"):
            file.unlink(missing_ok=True)

    def _loaded_file(self) -> Path:
        return self._folder / f"loaded.{self.pid()}"

    def _told(self, line: int) -> str:
        """A line of what the present child wrote when it held the model, '' before that."""
        lines = _read(self._loaded_file()).split("\n")
        return lines[line] if line < len(lines) else ""


def pinned_version() -> HeldVersion:
    """The version that the parent has the child load, if it says one."""
    return HeldVersion.read(os.environ.get(PINNED, ""))


def write_loaded(folder: Path, version: HeldVersion, device: str, gpu: str) -> None:
    """Says that this process holds the model: which version, how large that made it, and where.

    `gpu` is the UUID of the GPU that it uses, '' for none.
    """
    told = (str(version), str(private_bytes(os.getpid())), device, gpu)
    _write(folder / f"loaded.{os.getpid()}", "\n".join(told))


def write_failed(folder: Path, sentence: str) -> None:
    """Says why this process could not load the model."""
    _write(
        folder / f"failed.{os.getpid()}",
        f"{pinned_version()}\n{sentence or 'it could not be loaded'}",
    )


def write_moved(folder: Path, version: HeldVersion) -> None:
    """Says that the address means another version than this process holds; none takes it back."""
    _write(folder / f"moved.{os.getpid()}", str(version))


def private_bytes(pid: int) -> int:
    """Returns a process's private memory in bytes; 0 for a process that is gone.

    That is the memory that is its own and can't be read from a file again: RssAnon, RssShmem and
    VmSwap of /proc/PID/status (Linux, proc_pid_status(5)).
    """
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0
    return sum(
        int(line.split()[1]) * 1024
        for line in lines
        if line.startswith(("RssAnon:", "RssShmem:", "VmSwap:"))
    )


def _read(file: Path) -> str:
    try:
        return file.read_text()
    except FileNotFoundError:
        return ""


def _write(file: Path, text: str) -> None:
    """The parent must not read half of it."""
    write_atomically(file, text.encode("utf-8", "replace"), sync=False)
