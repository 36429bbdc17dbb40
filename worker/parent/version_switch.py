"""When the child gives way to another: after its batch; for another version one worker of a model at a time, and back if need be.

The child says that the alias moved (`worker.child_status`), the store says whose turn it is. A version that can not be loaded is
refused until the alias names another: a worker that serves an older one is worth more than one that serves none. One that outgrew
its memory (`worker.parent.memory_limit`) needs no turn: the same version comes back.
"""

import os
import signal
from dataclasses import dataclass

import structlog

from worker.child_status import PINNED, ChildMarks
from worker.parent.current_claims import Custody
from worker.parent.memory_limit import Growth

log = structlog.get_logger()


@dataclass
class Replacement:
    """See the module. `my_turn` is what the store said last."""

    marks: ChildMarks
    custody: Custody
    growth: Growth
    my_turn: bool = False
    _good: str = ""
    _refused: tuple[str, str] = ("", "")

    @property
    def wanted(self) -> str:
        """The version to go to, '' if the child holds the right one or that one is refused."""
        to = self.marks.moved_to()
        return "" if to == self._refused[0] else to

    @property
    def problem(self) -> str:
        """Why the version that the alias means is not the one held, and what is wrong with the process, in sentences, or ''."""
        version, sentence = self._refused
        refused = sentence if version and self.marks.moved_to() == version else ""
        return "; ".join(filter(None, (refused, self.growth.problem)))

    @property
    def due(self) -> bool:
        """Whether the child is to go at the next moment when nothing is in it."""
        return self.my_turn or bool(self.growth.outgrown)

    def go(self) -> None:
        """Ends the child if it is to go and nothing is in it; Celery starts another, which loads the version pinned."""
        if (outgrown := self.growth.outgrown) and self.custody.replace(lambda: os.kill(outgrown, signal.SIGKILL)):
            self.growth.replaced()
            return
        to, pid = self.wanted, self.marks.pid()
        held = self.marks.version()
        if not (self.my_turn and to and pid and held):
            return
        self._good = held

        def kill() -> None:
            os.environ[PINNED] = to
            os.kill(pid, signal.SIGKILL)

        if self.custody.replace(kill):
            self.my_turn = False
            log.info("child.replaced", held=held, to=to)

    def go_back(self, version: str, sentence: str) -> bool:
        """The child could not load a version: has the one before loaded again. False if there is none to go back to."""
        if not self._good or version == self._good:
            return False
        self.marks.forget_failures()
        self._refused = (version, f"version {version} could not be loaded: {sentence}")
        os.environ[PINNED] = self._good
        log.error("version.refused", version=version, reason=sentence, serving=self._good)
        return True
