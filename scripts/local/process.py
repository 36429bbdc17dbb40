"""A service of a run: a program, how to tell that it is ready, and its process."""

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from scripts.local import sessions
from scripts.local.orphan_killer import OrphanKiller
from scripts.local.run_dir import ROOT

_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None, use_errno=True)
_TAIL_BYTES = 8192


@dataclass(frozen=True)
class Service:
    """What to run.

    `once` ends by itself and is ready when it ended well; `needs` names the services that must be
    ready before.

    A run is ready without a service `beside` it, and goes on when that fails.
    """

    name: str
    command: list[str]
    env: dict[str, str]
    ready: Callable[[], bool]
    needs: tuple[str, ...] = ()
    why: str = ""
    once: bool = False
    beside: bool = False
    stop_s: float = 5.0


@dataclass
class Child:
    """The process of a service, its lines in a file that starts empty with each run."""

    service: Service
    log: Path
    orphan_killer: OrphanKiller
    process: subprocess.Popen[bytes] | None = field(default=None, init=False)

    def start(self) -> None:
        """Starts the service in a session of its own.

        A Ctrl-C on the terminal is the run's to answer, not each service's.
        """
        with self.log.open("ab") as out:
            self.process = subprocess.Popen(
                self.service.command,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                cwd=ROOT,
                env=os.environ | self.service.env,
                start_new_session=True,
                preexec_fn=_die_with_parent,
            )
        self.orphan_killer.watch(self.process.pid)

    def ended(self) -> int | None:
        """Returns the exit code once the service has ended; None while it runs.

        Ends all that the service left in its session, too.
        """
        if self.process is None or (code := self.process.poll()) is None:
            return None
        sessions.kill(self.process.pid)
        self.orphan_killer.forget(self.process.pid)
        self.process = None
        return code

    def signal(self, number: signal.Signals) -> None:
        if self.process is not None:
            self.process.send_signal(number)

    def kill(self) -> None:
        """Ends it and all it started at once."""
        if self.process is not None:
            sessions.kill(self.process.pid)
            self.process.wait()
            self.ended()

    def stop(self, hurry: Callable[[], bool]) -> None:
        """SIGTERM, then its time to end; SIGKILL after that, or as soon as there is a hurry."""
        self.signal(signal.SIGTERM)
        end = time.monotonic() + self.service.stop_s
        while self.ended() is None and self.process is not None:
            if hurry() or time.monotonic() > end:
                self.kill()
            time.sleep(0.02)

    def last_line(self) -> str:
        """The last line it wrote that says something."""
        if not self.log.exists():
            return ""
        with self.log.open("rb") as file:
            file.seek(max(0, self.log.stat().st_size - _TAIL_BYTES))
            lines = file.read().decode(errors="replace").splitlines()
        return next((line.strip() for line in reversed(lines) if line.strip()), "")[:300]


def _die_with_parent() -> None:
    """Between fork and exec: the kernel ends this process when the run ends, also by SIGKILL."""
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def how_it_ended(code: int) -> str:
    """An exit code in words."""
    return (
        f"was killed by {signal.Signals(-code).name}"
        if code < 0
        else f"ended with exit code {code}"
    )


def python(*arguments: str) -> list[str]:
    """The command of a Python module of this environment."""
    return [sys.executable, "-m", *arguments]
