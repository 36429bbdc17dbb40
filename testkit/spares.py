"""Gives a forked worker its model's processes at once, with MLflow imported.

A worker starts its model's process as a new interpreter, which imports MLflow for two seconds of a
core. A worker that was forked by `testkit.preloaded` forks a few copies of itself before it does
anything else. Each waits, and becomes a model's process when billiard would start an interpreter:
with the environment, arguments and descriptors of that moment, as a child of the worker. When all
are used, billiard starts interpreters again.
"""

import ctypes
import fcntl
import json
import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from types import ModuleType

SPARES = 6
NAME = "spawn_main"
"""The name of a spare that became a model's process; billiard's function is called so."""

_DIE_WITH_PARENT, _SET_NAME = 1, 15  # prctl(2)
_MOST_BYTES, _MOST_DESCRIPTORS, _LIFTED = 2**20, 100, 500


@dataclass(frozen=True)
class _Wish:
    """A command line, its environment, and its descriptors by their numbers."""

    arguments: list[str]
    env: dict[str, str]
    descriptors: list[int]


@dataclass(frozen=True)
class _Spare:
    """A copy that waits, and the worker's end of its socket."""

    pid: int
    socket: socket.socket

    def become(self, arguments: Sequence[str], descriptors: Sequence[int]) -> int:
        """Has it become what this command line starts; returns its id."""
        wish = _Wish(list(arguments), dict(os.environ), list(descriptors))
        with self.socket:
            socket.send_fds(self.socket, [json.dumps(asdict(wish)).encode()], descriptors)
        return self.pid


def keep(set_up: Callable[[], None]) -> None:
    """Forks the spares of this worker, and has billiard use them.

    `set_up` is what a new interpreter does before its program, with the environment in place.
    """
    from billiard import popen_spawn_posix

    spares: list[_Spare] = []
    for _ in range(SPARES):
        spares.append(_fork(spares, set_up))
    interpreter = popen_spawn_posix.spawnv_passfds

    def spawn(path: str, arguments: Sequence[str], descriptors: Sequence[int]) -> int:
        while spares:
            with suppress(OSError):  # of one that was killed
                return spares.pop(0).become(arguments, sorted(set(descriptors)))
        return int(interpreter(path, arguments, descriptors))

    popen_spawn_posix.spawnv_passfds = spawn


def _fork(earlier: Sequence[_Spare], set_up: Callable[[], None]) -> _Spare:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    worker_pid = os.getpid()
    if pid := os.fork():
        theirs.close()
        return _Spare(pid, ours)
    for end in (ours, *(spare.socket for spare in earlier)):
        end.close()
    prctl = ctypes.CDLL(None).prctl
    prctl(_DIE_WITH_PARENT, signal.SIGKILL)
    if os.getppid() != worker_pid:
        os._exit(1)
    message, descriptors, _, _ = socket.recv_fds(theirs, _MOST_BYTES, _MOST_DESCRIPTORS)
    if not message:  # the worker ended
        os._exit(0)
    theirs.close()
    prctl(_DIE_WITH_PARENT, 0)
    prctl(_SET_NAME, NAME.encode())
    _run(_Wish(**json.loads(message)), descriptors, set_up)
    sys.exit(0)


def _run(wish: _Wish, descriptors: Sequence[int], set_up: Callable[[], None]) -> None:
    """Runs `python -c PROGRAM …` in this process."""
    lifted = [fcntl.fcntl(number, fcntl.F_DUPFD, _LIFTED) for number in descriptors]
    for number in descriptors:
        os.close(number)
    for number, wanted in zip(lifted, wish.descriptors, strict=True):
        os.dup2(number, wanted)
        os.close(number)
    os.environ.clear()
    os.environ.update(wish.env)
    time.tzset()
    set_up()
    program, *rest = wish.arguments[wish.arguments.index("-c") + 1 :]
    sys.argv[:] = ["-c", *rest]
    main = sys.modules["__main__"] = ModuleType("__main__")
    exec(program, main.__dict__)
