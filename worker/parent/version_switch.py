"""Follows the model's alias: replaces the child by one that loads the new version.

It rolls back if that version can't be loaded.

The child says that the alias moved (`worker.child_status`), the store says whose turn it is: one
worker of a model at a time. A version that can't be loaded is refused until the alias names
another. A worker that serves an older one is worth more than one that serves none.
"""

import os
import signal
from dataclasses import dataclass

import structlog

from worker.child_status import PINNED, ChildStatusFiles
from worker.parent.current_claims import CurrentClaims

log = structlog.get_logger()


@dataclass
class VersionSwitch:
    """`my_turn` is what the store said last."""

    child_status: ChildStatusFiles
    claims: CurrentClaims
    my_turn: bool = False
    _last_good: str = ""
    _refused: tuple[str, str] = ("", "")
    _ended: int = 0
    """The process killed last; until Celery has another, its files ask for the switch still."""

    @property
    def wanted(self) -> str:
        """The version to switch to, '' if the child holds the right one or that one is refused."""
        to = self.child_status.moved_to()
        return "" if to == self._refused[0] else to

    @property
    def problem(self) -> str:
        """Why the version that the alias means is not the one held, as a sentence, or ''."""
        version, sentence = self._refused
        return sentence if version and self.child_status.moved_to() == version else ""

    def switch(self) -> None:
        """Kills the child if it is this worker's turn and no claim is in it.

        Celery starts another, for the pinned version.
        """
        if not self.my_turn:
            return
        to, pid, held = self.wanted, self.child_status.pid(), self.child_status.version()
        if not (to and pid and held) or pid == self._ended:
            return
        self._last_good = held

        def kill() -> None:
            os.environ[PINNED], self._ended = to, pid
            os.kill(pid, signal.SIGKILL)

        if self.claims.kill_idle(kill):
            self.my_turn = False
            log.info("child.replaced", held=held, to=to)

    def roll_back(self, version: str, sentence: str) -> bool:
        """The child could not load a version: has the one before loaded again.

        False if there is none to go back to.
        """
        if not self._last_good or version == self._last_good:
            return False
        self.child_status.forget_failures()
        self._refused = (version, f"version {version} could not be loaded: {sentence}")
        os.environ[PINNED] = self._last_good
        log.error("version.refused", version=version, reason=sentence, serving=self._last_good)
        return True
