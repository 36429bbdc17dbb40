"""An obstacle to a run is reported in one sentence, with a non-zero exit.

It is reported before anything that takes long.
"""

import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from testkit.stack import ROOT
from tests.scripts.local_run import environment


def refusal(script: Path, **settings: str) -> str:
    """The one sentence with which a script ends."""
    ended = subprocess.run(
        [script],
        check=False,
        env=environment(**settings),
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert ended.returncode == 1, ended.stdout + ended.stderr
    assert ended.stdout == ""
    assert ended.stderr.count("\n") == 1, ended.stderr
    return ended.stderr


def only_tools(folder: Path, *names: str) -> str:
    """Makes a PATH on which only these programs are."""
    tools = folder / "bin"
    tools.mkdir()
    for name in names:
        os.symlink(shutil.which(name) or "", tools / name)
    return str(tools)


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A clone in which nothing is installed yet."""
    clone = tmp_path / "clone"
    shutil.copytree(
        ROOT / "scripts", clone / "scripts", ignore=shutil.ignore_patterns("__pycache__")
    )
    for name in ("requirements.lock", "pyproject.toml"):
        shutil.copy(ROOT / name, clone)
    return clone


def test_a_taken_port_is_named(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        assert f"Port {port} is taken" in refusal(
            ROOT / "scripts/run", PORT=port, STATE_DIR=str(tmp_path)
        )


def test_a_taken_port_is_said_before_anything_is_installed(clone: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        assert f"Port {port} is taken" in refusal(clone / "scripts/run", PORT=port)
    assert not (clone / ".venv").exists()


@pytest.mark.parametrize(
    "setting",
    [
        {"PORT": "eighty"},
        {"PORT": "70000"},
        {"WORKERS": "-1"},
        {"MODEL_URI": "match-outcome"},
        {"BROKER": "kafka"},
    ],
)
def test_a_setting_that_cannot_be_is_named(tmp_path: Path, setting: dict[str, str]) -> None:
    (name,) = setting
    assert name in refusal(ROOT / "scripts/run", STATE_DIR=str(tmp_path), **setting)


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert "cannot be written" in refusal(
        ROOT / "scripts/run", STATE_DIR=str(tmp_path / "file" / "state")
    )


@pytest.mark.parametrize("broker", ["redis", "rabbitmq"])
def test_a_broker_to_start_and_one_that_runs_contradict_each_other(broker: str) -> None:
    said = refusal(ROOT / "scripts/run", BROKER=broker, BROKER_URL="amqp://127.0.0.1")
    assert f"BROKER={broker}" in said
    assert "BROKER_URL" in said


def test_a_machine_without_rabbitmq_is_told_before_anything_is_installed(
    clone: Path, tmp_path: Path
) -> None:
    path = only_tools(tmp_path, "bash", "dirname", "env")
    said = refusal(clone / "scripts/run", PATH=path, PYTHON=sys.executable, BROKER="rabbitmq")
    assert "apt install rabbitmq-server" in said
    assert not (clone / ".venv").exists()


def test_an_unknown_python_is_named() -> None:
    assert "PYTHON=python9.9 is no program" in refusal(ROOT / "scripts/setup", PYTHON="python9.9")


def test_a_python_that_is_too_old_is_named(tmp_path: Path) -> None:
    old = tmp_path / "python3"
    old.write_text("#!/bin/sh\nexit 1\n")
    old.chmod(0o755)
    assert "does not run as Python 3.11 or newer" in refusal(
        ROOT / "scripts/setup", PYTHON=str(old)
    )


def test_a_machine_without_python_is_told_what_to_install(clone: Path, tmp_path: Path) -> None:
    path = only_tools(tmp_path, "bash", "dirname", "env")
    assert "Python 3.11 or newer is needed" in refusal(clone / "scripts/setup", PATH=path)


def test_a_clone_that_is_set_up_asks_nobody() -> None:
    env = environment(
        HTTPS_PROXY="http://127.0.0.1:9", HTTP_PROXY="http://127.0.0.1:9", PATH="/usr/bin:/bin"
    )
    again = subprocess.run(
        [ROOT / "scripts/setup"], check=False, env=env, capture_output=True, text=True, timeout=30
    )
    assert (again.returncode, again.stdout, again.stderr) == (0, "", "")
