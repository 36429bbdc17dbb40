"""How long each part of a start took: what an operator looks at when workers come too slowly."""

import os
import time
from pathlib import Path


class Laps:
    """Stopped after each part; `seconds` has them by name, in order."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._since = time.monotonic()

    def lap(self, name: str) -> None:
        """The part that ends now."""
        now = time.monotonic()
        self.seconds[name] = round(now - self._since, 2)
        self._since = now


def process_age_s(pid: int | None = None) -> float:
    """Returns how long a process, else this one, has been there, in seconds.

    It is from Linux's /proc/PID/stat, field 22 (proc_pid_stat(5)).
    """
    ticks = int(Path(f"/proc/{pid or 'self'}/stat").read_text().rpartition(")")[2].split()[19])
    return round(time.clock_gettime(time.CLOCK_BOOTTIME) - ticks / os.sysconf("SC_CLK_TCK"), 2)
