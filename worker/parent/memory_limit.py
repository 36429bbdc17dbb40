"""Whether the model's process has grown past what the operator allows: a leak ends as a short pause, not as a kill by the kernel.

What counts is memory that is the process's own and can't be read from a file again: RssAnon, RssShmem and VmSwap of
/proc/PID/status (Linux, proc_pid_status(5)). It is looked at after each batch and with each heartbeat, and when it is too
much the process is replaced at a moment when nothing is in it, so no prediction pays. A look costs a tenth of a millisecond.
"""

import time
from dataclasses import dataclass, field

import structlog

from worker.child_status import ChildMarks, own_bytes

log = structlog.get_logger()
MIB = 2**20


@dataclass(frozen=True, slots=True)
class Look:
    """What was seen of which process. One value, for two threads look: the event loop after a batch, the custodian at a beat."""

    pid: int = 0
    fresh_bytes: int = 0
    own_bytes: int = 0


@dataclass
class Growth:
    """See the module; `most_bytes` 0 allows anything. A process that is too large from the start is left alone, and it is said."""

    marks: ChildMarks
    most_bytes: int
    seen: Look = Look()
    _replaced: list[float] = field(default_factory=list)

    def look(self) -> None:
        """Measures the child, if it holds the model."""
        pid = self.marks.pid()
        if not (self.most_bytes and pid and self.marks.loaded()):
            return
        before = self.seen
        self.seen = Look(pid, self.marks.bytes_when_loaded() if pid != before.pid else before.fresh_bytes, own_bytes(pid))
        if pid != before.pid and self.too_large_from_the_start:
            log.error("child.too_large", bytes=self.seen.fresh_bytes, most=self.most_bytes)

    @property
    def too_large_from_the_start(self) -> bool:
        """Whether another process would be as large: then none is started."""
        return self.seen.fresh_bytes > self.most_bytes

    @property
    def outgrown(self) -> int:
        """The id of the child if it is to be replaced, else 0."""
        seen = self.seen
        return seen.pid if seen.own_bytes > self.most_bytes >= seen.fresh_bytes and self.marks.pid() == seen.pid else 0

    def replaced(self) -> None:
        """The child was ended for it. Until Celery has another, which may take seconds, there is none to be seen."""
        seen, self.seen = self.seen, Look()
        self._replaced.append(time.time())
        log.warning("child.outgrown", bytes=seen.own_bytes, at_first=seen.fresh_bytes, most=self.most_bytes)

    @property
    def problem(self) -> str:
        """What an operator should know, as a sentence, or ''."""
        most = f"the {self.most_bytes // MIB} MiB of MODEL_MEMORY_MAX_BYTES"
        if self.too_large_from_the_start:
            return f"its process has {self.seen.fresh_bytes // MIB} MiB right after loading, more than {most}, and is left alone"
        if not self._replaced:
            return ""
        last = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(self._replaced[-1]))
        return f"its process outgrew {most} and was replaced, {len(self._replaced)} times by now, last at {last}: the model leaks"
