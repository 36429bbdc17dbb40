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

from worker.child_status import NO_VERSION, PINNED, ChildStatusFiles, HeldVersion
from worker.parent.current_claims import CurrentClaims

log = structlog.get_logger()


@dataclass
class VersionSwitch:
    """`my_turn` is what the store said last."""

    child_status: ChildStatusFiles
    claims: CurrentClaims
    my_turn: bool = False
    ended: int = 0
    """The process killed last; until Celery has another, its files ask for the switch still."""
    _last_good: HeldVersion = NO_VERSION
    _refused: tuple[HeldVersion, str] = (NO_VERSION, "")

    @property
    def wanted(self) -> str:
        """The version to switch to, '' if the child holds the right one or that one is refused."""
        return str(self._wanted)

    @property
    def _wanted(self) -> HeldVersion:
        to = self.child_status.moved_to()
        return NO_VERSION if to == self._refused[0] else to

    @property
    def problem(self) -> str:
        """Why the version that the alias means is not the one held, as a sentence, or ''."""
        version, sentence = self._refused
        return sentence if version.number and self.child_status.moved_to() == version else ""

    def switch(self) -> None:
        """Kills the child if it is this worker's turn and no claim is in it.

        Celery starts another, for the pinned version.
        """
        if not self.my_turn:
            return
        to, pid, held = self._wanted, self.child_status.pid(), self.child_status.held()
        if not (to.number and pid and held.number) or pid == self.ended:
            return
        self._last_good = held

        def kill() -> None:
            os.environ[PINNED], self.ended = str(to), pid
            os.kill(pid, signal.SIGKILL)

        if self.claims.kill_idle(kill):
            self.my_turn = False
            log.info("child.replaced", held=str(held), to=str(to))

    def roll_back(self, version: HeldVersion, sentence: str) -> bool:
        """The child could not load a version: has the one before loaded again.

        False if there is none to go back to.
        """
        if not self._last_good.number or version == self._last_good:
            return False
        self.child_status.forget_failures()
        self._refused = (version, f"version {version.number} could not be loaded: {sentence}")
        os.environ[PINNED] = serving = str(self._last_good)
        log.error("version.refused", version=str(version), reason=sentence, serving=serving)
        return True
