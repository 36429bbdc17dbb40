"""What the system and a log tell of a process of ours, and its end."""

import json
import os
import signal
from contextlib import suppress
from pathlib import Path
from typing import Any

from testkit import spares


def children(pid: int) -> list[int]:
    """The ids of its child processes."""
    found: list[int] = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        with suppress(FileNotFoundError, ProcessLookupError):  # of a thread that has just ended
            found += map(int, task.read_text().split())
    return found


def command_line(pid: int) -> bytes:
    """Its words with a NUL after each; nothing of one that is gone."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return b""


def is_model_process(pid: int) -> bool:
    """Whether a worker's child holds the model or loads it.

    An interpreter is told by its command line, one of `testkit.spares` by its name. Billiard's
    helper and a spare that waits have others; a zombie has no command line.
    """
    words = command_line(pid)
    return spares.NAME.encode() in words or bool(words and _name(pid) == spares.NAME)


def _name(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip()
    except (FileNotFoundError, ProcessLookupError):
        return ""


def threads(pid: int) -> int:
    """How many threads it has."""
    return len(list(Path(f"/proc/{pid}/task").iterdir()))


def credentials(pid: int) -> tuple[int, int]:
    """Its effective user and group."""
    facts = dict(
        line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines()
    )
    return int(facts["Uid"].split()[1]), int(facts["Gid"].split()[1])


def kill(pid: int) -> None:
    """SIGKILL for a process that may be gone."""
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def events(log: Path, name: str) -> list[dict[str, Any]]:
    """The lines of an event in a log, which need not be there yet."""
    lines = log.read_text(errors="replace").splitlines() if log.exists() else []
    return [row for line in lines if name in line and (row := _json(line)).get("event") == name]


def _json(line: str) -> dict[str, Any]:
    try:
        row = json.loads(line)
    except ValueError:
        return {}
    return row if isinstance(row, dict) else {}
