"""Outlives a run that was killed, by just long enough to end the processes it left.

Its command is `python -m scripts.local.orphan_killer`.

PR_SET_PDEATHSIG reaches the children of the run, not theirs. So the run names each session to this
process. It ends those not taken back once its standard input ends, however that came about. It also
holds the run's lock until then, so that the next run on the same files does not begin beside what
is left of the last.
"""

import signal
import subprocess
import sys
from contextlib import suppress

from scripts.local import sessions
from scripts.local.run_dir import ROOT


class OrphanKiller:
    """The run's end of the pipe."""

    def __init__(self, lock: int) -> None:
        command = [sys.executable, "-S", "-m", "scripts.local.orphan_killer"]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, cwd=ROOT, pass_fds=(lock,), start_new_session=True
        )

    def watch(self, session: int) -> None:
        self._say("+", session)

    def forget(self, session: int) -> None:
        self._say("-", session)

    def _say(self, sign: str, session: int) -> None:
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):  # somebody killed it: PR_SET_PDEATHSIG is left
            self._process.stdin.write(f"{sign}{session}\n".encode())
            self._process.stdin.flush()

    def dismiss(self) -> None:
        """Ends the watch, and whatever was not taken back."""
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):
            self._process.stdin.close()
        self._process.wait()


def main() -> None:
    """Reads `+session` and `-session`, a line each, until the run is gone."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    watched: set[int] = set()
    for line in sys.stdin:
        (watched.add if line.startswith("+") else watched.discard)(int(line[1:]))
    for session in watched:
        sessions.kill(session)


if __name__ == "__main__":
    main()
