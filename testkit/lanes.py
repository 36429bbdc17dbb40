"""What lanes that run side by side share: one MLflow server, and what was registered there.

The program that runs the lanes starts the server; each lane is a process of its own (pytest-xdist).
"""

import fcntl
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from testkit.servers import MlflowServer

_ADDRESS = "MLFLOW_OF_ALL_LANES"


def runs_lanes(config: pytest.Config) -> bool:
    """Whether this process only hands tests out to lanes."""
    return bool(config.getoption("tx", None)) and not hasattr(config, "workerinput")


def start_server(folder: Path) -> MlflowServer:
    """Starts the server that all lanes use; they wait until it answers."""
    server = MlflowServer(folder)
    server.launch()
    os.environ[_ADDRESS] = f"{server.port}"
    return server


def server_of_all_lanes() -> MlflowServer | None:
    """Returns the server that was started for all lanes, once it answers.

    Returns None where there are no lanes.
    """
    if _ADDRESS not in os.environ:
        return None
    server = MlflowServer(Path(), int(os.environ[_ADDRESS]))
    server.wait()
    return server


def once(folders: pytest.TempPathFactory, name: str, make: Callable[[], str]) -> str:
    """Returns what `make` answers, which is never empty, and has one lane alone call it.

    The other lanes wait for the answer.
    """
    folder = folders.getbasetemp()
    shared = folder.parent if _ADDRESS in os.environ else folder
    with (shared / f"{name}.once").open("a+", encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.seek(0)
        if not (answer := file.read()):
            answer = make()
            file.write(answer)
            file.flush()
    return answer
