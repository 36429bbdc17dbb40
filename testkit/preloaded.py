"""Starts processes of the service at once, forked from one that has imported their modules.

Importing costs a gateway two seconds of a core, and the tests start some hundred. In all else it is
as after `python -m MODULE …`: a process of its own with its own session, environment, arguments,
log and exit code.

Run as `python -m testkit.preloaded FD MODULE …` this is the one that imports, and forks by requests
on a socket.
"""

import ctypes
import json
import os
import runpy
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

from testkit import spares

ROOT = Path(__file__).resolve().parents[1]
GATEWAY = (
    "uvicorn.main",
    "uvicorn.lifespan.on",
    "uvloop",
    "app.main",
    "mlflow.tracking",
    "mlflow.store.artifact.mlflow_artifacts_repo",
)
MLFLOW = (
    "mlflow",
    "mlflow.pyfunc",
    "mlflow.models",
    "testkit.mlflow_packages",
    "pandas",
    "numpy",
)
WORKER = (
    "celery.apps.worker",
    "celery.worker.components",
    "kombu.transport.redis",
    "inference.store.redis",
    "inference.telemetry",
    *MLFLOW,
    "mlflow.store.artifact.mlflow_artifacts_repo",
    "pyarrow.pandas_compat",
    "msgspec",
    "pydantic_settings",
    "PIL.Image",
)
"""What a worker imports and, for its spares (`testkit.spares`), what its model's process does.

Without prometheus_client: the worker says where its files are before that is imported.
"""

PRELOADED = {
    "uvicorn": GATEWAY,
    "app": GATEWAY,
    "worker": WORKER,
    "testkit.register": WORKER,
    "testkit.register_matches": WORKER,
    "testkit.odd_models": WORKER,
    "examples.football.scoring": WORKER,
    "worker.batch": WORKER,
    "tests.gateway.registering": WORKER,
}
"""What is imported beforehand for `python -m …`."""

_forkers: dict[tuple[str, ...], "Forker"] = {}
_lock = threading.Lock()


HOOKS = {str(ROOT / "testkit" / name) for name in ("gapped", "leaking")}
"""Folders whose sitecustomize works as well in a process that has imported everything."""


def forker(module: str, env: Mapping[str, str]) -> "Forker | None":
    """Returns the process that forks those of `python -m module`, or None if there is none.

    It is started when first asked for. A process whose interpreter starts in another way by its
    `env` (a clock that is wrong, say) can't be forked.
    """
    modules = PRELOADED.get(module)
    if modules is None or "LD_PRELOAD" in env or _sites(env) - HOOKS:
        return None
    with _lock:
        if modules not in _forkers or _forkers[modules].gone():
            _forkers[modules] = Forker(modules)
        return _forkers[modules]


def _sites(env: Mapping[str, str]) -> set[str]:
    return {
        folder
        for folder in env.get("PYTHONPATH", "").split(os.pathsep)
        if Path(folder, "sitecustomize.py").exists()
    }


def completed(
    *arguments: str, env: Mapping[str, str], limit_s: float = 120
) -> subprocess.CompletedProcess[str]:
    """Runs `python -m` with these arguments to its end, its environment the tests' and `env`."""
    source = forker(arguments[0], env)
    assert source is not None
    with tempfile.TemporaryDirectory() as folder:
        out, err = Path(folder, "out"), Path(folder, "err")
        process = source.start(list(arguments), os.environ | env, out, ROOT, err)
        try:
            code = process.wait(limit_s)
        except subprocess.TimeoutExpired:
            os.kill(process.pid, signal.SIGKILL)
            process.wait()
            raise
        return subprocess.CompletedProcess(arguments, code, out.read_text(), err.read_text())


class Forked:
    """A forked process, as `subprocess.Popen` has them."""

    def __init__(self, pid: int, forker: "Forker") -> None:
        self.pid = pid
        self.returncode: int | None = None
        self._forker = forker
        self._descriptor = os.pidfd_open(pid)

    def poll(self) -> int | None:
        """Returns its exit code once it ended, negative for a signal."""
        if self.returncode is None and select.select([self._descriptor], [], [], 0)[0]:
            self.returncode = self._forker.ask({"reap": self.pid})
            os.close(self._descriptor)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Waits for its end; raises `subprocess.TimeoutExpired`."""
        if self.returncode is None and not select.select([self._descriptor], [], [], timeout)[0]:
            raise subprocess.TimeoutExpired([str(self.pid)], timeout or 0)
        code = self.poll()
        assert code is not None
        return code


class Forker:
    """The tests' end."""

    def __init__(self, modules: tuple[str, ...]) -> None:
        ours, theirs = socket.socketpair()
        command = [sys.executable, "-m", __name__, str(theirs.fileno()), *modules]
        # It ends with the socket. "Die with the parent" would mean the thread that happened to
        # start it: prctl(2).
        self._process = subprocess.Popen(
            command, pass_fds=[theirs.fileno()], cwd=ROOT, start_new_session=True
        )
        theirs.close()
        self._file = ours.makefile("rw", encoding="utf-8")
        ours.close()
        self._lock = threading.Lock()

    def start(
        self,
        arguments: list[str],
        env: Mapping[str, str],
        out: Path,
        folder: Path,
        err: Path | None = None,
    ) -> Forked:
        """Starts `python -m` with these arguments; what it says is appended to the files."""
        wish = {
            "arguments": arguments,
            "env": dict(env),
            "out": str(out),
            "err": str(err or out),
            "folder": str(folder),
        }
        return Forked(self.ask(wish), self)

    def ask(self, wish: dict[str, Any]) -> int:
        """Sends a request and returns the answer, a number."""
        with self._lock:
            try:
                self._file.write(json.dumps(wish) + "\n")
                self._file.flush()
                answer = json.loads(self._file.readline())
            except (OSError, ValueError) as error:
                raise RuntimeError(
                    f"the preloaded interpreter is gone, exit code {self._process.wait()}: {wish}"
                ) from error
        if isinstance(answer, str):
            raise RuntimeError(f"the preloaded interpreter could not: {answer}")
        return int(answer)

    def gone(self) -> bool:
        """Whether it ended; the test that found it so has failed."""
        return self._process.poll() is not None


def die_with_parent() -> None:
    """Has the kernel end this process when the thread that started it does.

    It does so however that thread ends (prctl(2), PR_SET_PDEATHSIG).
    """
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)


def serve(connection: socket.socket, modules: list[str]) -> None:
    """Imports, then forks and reaps until the tests are gone."""
    for module in modules:
        import_module(module)
    assert threading.active_count() == 1, "a thread would not be in the forked ones"
    forker_pid = os.getpid()
    answer: int | str
    for line in (file := connection.makefile("rw", encoding="utf-8")):
        wish = json.loads(line)
        try:
            answer = (
                os.waitstatus_to_exitcode(os.waitpid(wish["reap"], 0)[1])
                if "reap" in wish
                else os.fork()
            )
        except OSError as error:
            answer = repr(error)
        if os.getpid() != forker_pid:
            file.close()
            connection.close()
            _become(wish, forker_pid)
        file.write(json.dumps(answer) + "\n")
        file.flush()


def _become(wish: dict[str, Any], forker_pid: int) -> None:
    """Runs what was asked for and ends as an interpreter would."""
    die_with_parent()
    if os.getppid() != forker_pid:
        os._exit(1)
    os.setsid()
    for descriptor, name in ((1, "out"), (2, "err")):
        file = os.open(wish[name], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        os.dup2(file, descriptor)
        os.close(file)
    os.environ.clear()
    os.environ.update(wish["env"])
    time.tzset()
    os.chdir(wish["folder"])
    module, *arguments = wish["arguments"]
    if module == "worker":
        spares.keep(_run_sites)
    _run_sites()
    sys.argv[:] = [module, *arguments]
    runpy.run_module(module, run_name="__main__", alter_sys=True)
    sys.exit(0)


def _run_sites() -> None:
    """Runs what Python runs of PYTHONPATH as it starts."""
    for site in _sites(os.environ):
        runpy.run_path(str(Path(site, "sitecustomize.py")))


if __name__ == "__main__":
    serve(socket.socket(fileno=int(sys.argv[1])), sys.argv[2:])
