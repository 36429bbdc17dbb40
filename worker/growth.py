"""Whether the model's process has grown past what the operator allows: a leak ends as a short pause, not as a kill by the kernel.

What counts is memory that is the process's own and can't be read from a file again: RssAnon and RssShmem of /proc/PID/status
(Linux, proc_pid_status(5)). It is looked at with each heartbeat, and when it is too much the process is replaced at a moment when
nothing is in it, so no prediction pays.
"""

import time
from dataclasses import dataclass, field
from pathlib import Path

import structlog

from worker.child import ChildMarks

log = structlog.get_logger()
MIB = 2**20


@dataclass
class Growth:
    """See the module; `most_bytes` 0 allows anything. A process that is too large from the start is left alone, and it is said."""

    marks: ChildMarks
    most_bytes: int
    own_bytes: int = 0
    pid: int = 0
    _fresh_bytes: int = 0
    _replaced: list[float] = field(default_factory=list)

    def look(self) -> None:
        """Measures the child, if it holds the model."""
        pid = self.marks.pid()
        if not (self.most_bytes and pid and self.marks.loaded()):
            return
        self.own_bytes = own_bytes(pid)
        if pid != self.pid:
            self.pid, self._fresh_bytes = pid, self.own_bytes
            if self.too_large_from_the_start:
                log.error("child.too_large", bytes=self.own_bytes, most=self.most_bytes)

    @property
    def too_large_from_the_start(self) -> bool:
        """Whether another process would be as large: then none is started."""
        return self._fresh_bytes > self.most_bytes > 0

    @property
    def outgrown(self) -> bool:
        """Whether the child is to be replaced."""
        return self.own_bytes > self.most_bytes > 0 and self.marks.pid() == self.pid and not self.too_large_from_the_start

    def replaced(self) -> None:
        """The child was ended for it."""
        self._replaced.append(time.time())
        log.warning("child.outgrown", bytes=self.own_bytes, at_first=self._fresh_bytes, most=self.most_bytes)

    @property
    def problem(self) -> str:
        """What an operator should know, as a sentence, or ''."""
        most = f"the {self.most_bytes // MIB} MiB of MODEL_MEMORY_MAX_BYTES"
        if self.too_large_from_the_start:
            return f"its process has {self._fresh_bytes // MIB} MiB right after loading, more than {most}, and is left alone"
        if not self._replaced:
            return ""
        last = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(self._replaced[-1]))
        return f"its process outgrew {most} and was replaced, {len(self._replaced)} times by now, last at {last}: the model leaks"


def own_bytes(pid: int) -> int:
    """The memory of a process that only it can give back; 0 for one that is gone."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith(("RssAnon:", "RssShmem:")))
