"""Ends whole sessions.

Each service of a run is started in a session of its own, so what it started itself is found there.
"""

import os
import signal
import time
from contextlib import suppress
from pathlib import Path

_GONE = ("Z", "X")


def members(session: int) -> list[int]:
    """The processes of a session that have not ended."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal() and _session(entry) == session:
            found.append(int(entry.name))
    return found


def _session(entry: Path) -> int:
    """The session of a process; 0 if it has ended.

    The name, in brackets, may hold anything, so fields count from its end.
    """
    try:
        state, _parent, _group, session = (
            (entry / "stat").read_text(errors="replace").rpartition(")")[2].split()[:4]
        )
    except (OSError, ValueError):
        return 0
    return 0 if state in _GONE else int(session)


def kill(session: int, patience_s: float = 5.0) -> None:
    """Sends SIGKILL to all of a session, again until none is left.

    One process may have started another meanwhile.
    """
    end = time.monotonic() + patience_s
    while (left := members(session)) and time.monotonic() < end:
        for pid in left:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.01)
