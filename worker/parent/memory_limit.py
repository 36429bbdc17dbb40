"""Restarts a child whose memory has grown past MODEL_MEMORY_MAX_BYTES.

So a leak ends as a short pause, not as a kill by the kernel.

What counts is the memory that only the process itself can give back (`private_bytes`). It is
measured after each batch and with each heartbeat. The child is killed when no claim is in it, so no
prediction pays. Measuring costs a tenth of a millisecond.
"""

import os
import signal
import time
from dataclasses import dataclass, field

import structlog

from worker.child_status import ChildStatusFiles, private_bytes
from worker.parent.current_claims import CurrentClaims

log = structlog.get_logger()
MIB = 2**20


@dataclass(frozen=True, slots=True)
class MemorySample:
    """What was measured of which process.

    One value, since two threads measure: the event loop's and the parent's own.
    """

    pid: int = 0
    bytes_when_loaded: int = 0
    bytes: int = 0


@dataclass
class MemoryLimit:
    """Watches the child's private memory. `max_bytes=0` disables it.

    A process above the limit right after loading is not restarted, since a new one would be as
    large; `problem` reports it.
    """

    child_status: ChildStatusFiles
    claims: CurrentClaims
    max_bytes: int
    sample: MemorySample = MemorySample()
    ended: int = 0
    """The child that was killed last for its memory."""
    _restarts: list[float] = field(default_factory=list)

    def measure(self) -> None:
        """Takes a sample of the child, if it holds the model."""
        pid = self.child_status.pid()
        if not (self.max_bytes and pid and self.child_status.loaded()):
            return
        before = self.sample
        loaded = (
            self.child_status.bytes_when_loaded() if pid != before.pid else before.bytes_when_loaded
        )
        self.sample = MemorySample(pid, loaded, private_bytes(pid))
        if pid != before.pid and self.too_large_when_loaded:
            log.error("child.too_large", bytes=loaded, most=self.max_bytes)

    @property
    def too_large_when_loaded(self) -> bool:
        """Whether another process would be as large: then none is started."""
        return self.sample.bytes_when_loaded > self.max_bytes

    @property
    def child_above_limit(self) -> int:
        """The id of the child if it is to be restarted, else 0."""
        sample = self.sample
        above = sample.bytes > self.max_bytes >= sample.bytes_when_loaded
        return sample.pid if above and self.child_status.pid() == sample.pid else 0

    def restart_child(self) -> bool:
        """Kills the child if it is above the limit and no claim is in it; Celery starts another.

        Says whether it did.
        """
        pid = self.child_above_limit
        if not pid or not self.claims.kill_idle(lambda: os.kill(pid, signal.SIGKILL)):
            return False
        self.ended = pid
        # Until Celery has another, which may take seconds, there is none to be measured.
        sample, self.sample = self.sample, MemorySample()
        self._restarts.append(time.time())
        log.warning(
            "child.outgrown",
            bytes=sample.bytes,
            at_first=sample.bytes_when_loaded,
            most=self.max_bytes,
        )
        return True

    @property
    def problem(self) -> str:
        """What an operator should know, as a sentence, or ''."""
        most = f"the {self.max_bytes // MIB} MiB of MODEL_MEMORY_MAX_BYTES"
        if self.too_large_when_loaded:
            size = self.sample.bytes_when_loaded // MIB
            return (
                f"its process has {size} MiB right after loading, more than {most},"
                " and is left alone"
            )
        if not self._restarts:
            return ""
        last = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(self._restarts[-1]))
        return (
            f"its process outgrew {most} and was replaced, {len(self._restarts)} times by now,"
            f" last at {last}: the model leaks"
        )
