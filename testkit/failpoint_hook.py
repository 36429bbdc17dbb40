"""Makes a process of a test report each gap, and stop in the gap that the test armed.

It stands still there to be struck. `install` is called by `gapped/sitecustomize.py`, in the
processes that were given `environment(...)`; `Gaps` is the test's side. Both sides talk by files of
a folder. `hit.*` names the gaps that a process reached. `GAP.role.armed` is taken, once, by the
first process of that role that reaches the gap. It becomes `taken.PID`, in whose presence the
process waits.
"""

import os
import time
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import Any

from inference import failpoints
from inference.failpoints import Failpoint

ROOT = Path(__file__).resolve().parents[1]
FOLDER, ROLE = "GAPS_FOLDER", "GAPS_ROLE"


class Role(StrEnum):
    """What can be struck."""

    GATEWAY = "gateway"
    CHILD = "worker child"
    PARENT = "worker parent"
    WORKER = "whole worker"
    """A worker's parent and child at once, as when its pod or node goes.

    Nobody is left to speak for the child.
    """
    STORE = "store"
    BROKER = "broker"


class _Hook:
    """Set as `failpoints.hook`.

    A process that waits in a gap does nothing else in that thread, as one that is about to die.
    """

    def __init__(self, folder: Path, role: Role) -> None:
        self._folder, self._role = folder, role
        self._hit: set[Failpoint] = set()

    def __call__(self, gap: Failpoint) -> None:
        if gap not in self._hit:
            self._hit.add(gap)
            with (self._folder / f"hit.{self._role}.{os.getpid()}").open("a") as file:
                file.write(f"{gap.name}\n")
        taken = self._folder / f"taken.{os.getpid()}"
        try:
            _armed(self._folder, gap, self._role).rename(taken)
        except FileNotFoundError:
            return
        while taken.exists():
            time.sleep(0.002)


def install() -> None:
    """Sets the hook in this process.

    A worker's own processes are its children, by the environment that they inherit.
    """
    role = Role(os.environ[ROLE])
    if role is Role.PARENT:
        os.environ[ROLE] = Role.CHILD
        _reach_into_kombu()
    failpoints.hook = _Hook(Path(os.environ[FOLDER]), role)


def _reach_into_kombu() -> None:
    """Puts the failpoint TICKET_POPPED into kombu.

    On Redis it is before `QoS.append`: BRPOP has taken the message from the list, and `append` is
    the write that notes it as unacknowledged. RabbitMQ has noted it when it sends it, so there the
    failpoint is before kombu sees it.
    """
    from amqp.channel import Channel
    from kombu.transport.redis import QoS

    for owner, name in ((QoS, "append"), (Channel, "_on_basic_deliver")):
        setattr(owner, name, _after_the_failpoint(getattr(owner, name)))


def _after_the_failpoint(call: Callable[..., None]) -> Callable[..., None]:
    def reach_and_call(*args: Any) -> None:
        failpoints.failpoint(Failpoint.TICKET_POPPED)
        call(*args)

    return reach_and_call


def environment(folder: Path, role: Role) -> dict[str, str]:
    """What a process must be given to have the hook."""
    return {"PYTHONPATH": f"{ROOT / 'testkit/gapped'}:{ROOT}", FOLDER: str(folder), ROLE: role}


def _armed(folder: Path, gap: Failpoint, role: Role) -> Path:
    return folder / f"{gap.name}.{role}.armed"


class Gaps:
    """The gaps of a stack, as its test sees them."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self.folder = folder

    def hit(self) -> set[tuple[Failpoint, Role]]:
        """What was reached so far, and by whom."""
        found = set()
        for file in self.folder.glob("hit.*"):
            role = Role(file.name.split(".")[1])
            found |= {(Failpoint[line], role) for line in file.read_text().splitlines()}
        return found

    def arm(self, gap: Failpoint, role: Role) -> None:
        """The next process of that role that reaches the gap will wait in it."""
        _armed(self.folder, gap, role).touch()

    def disarm(self, gap: Failpoint, role: Role) -> None:
        """Nobody shall wait, whether or not somebody did."""
        _armed(self.folder, gap, role).unlink(missing_ok=True)
        self.release()

    def standing(self) -> int:
        """The id of the process that waits in the armed gap; 0 while there is none."""
        return next((int(file.suffix[1:]) for file in self.folder.glob("taken.*")), 0)

    def release(self) -> None:
        """Lets the process go on, if it still can."""
        for file in self.folder.glob("taken.*"):
            file.unlink(missing_ok=True)
