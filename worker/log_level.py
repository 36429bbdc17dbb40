"""The level of a worker's log lines, which signals to the parent change for its child too.

The child gets no signal: while it loads, one would end it. It looks at a file before each ticket.
"""

from pathlib import Path

from inference.blobs.atomic_write import write_atomically
from inference.telemetry import set_log_level
from inference.telemetry.logs import change_level_by_signal


def follow_signals(level: str, folder: Path) -> None:
    """Has SIGUSR1 and SIGUSR2 change the level of this process, and of those that look."""
    change_level_by_signal(level, lambda now: write_atomically(_file(folder), now.encode()))


def follow_parent(folder: Path) -> None:
    """Takes the level that a signal to the parent has set, if one has."""
    try:
        set_log_level(_file(folder).read_text())
    except FileNotFoundError:
        return


def _file(folder: Path) -> Path:
    return folder / "log-level"
