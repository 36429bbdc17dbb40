"""When a child is ended for another version of its model."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from worker.child_status import PINNED, ChildStatusFiles, HeldVersion
from worker.parent.current_claims import CurrentClaims
from worker.parent.version_switch import VersionSwitch


@pytest.fixture
def child() -> Iterator[int]:
    """The id of a process that nobody waits for, so that it stays a zombie once it is killed."""
    with subprocess.Popen(["sleep", "600"]) as process:
        yield process.pid
        process.kill()


def test_a_child_is_ended_once_although_it_is_not_replaced_at_once(
    child: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(PINNED, "1")
    (tmp_path / f"loaded.{child}").write_text("1\n0")
    (tmp_path / f"moved.{child}").write_text("2")
    switch = VersionSwitch(ChildStatusFiles(tmp_path, lambda: child), CurrentClaims())
    with capture_logs() as said:
        for _ in range(3):
            switch.my_turn = True
            switch.switch()
    assert [(line["event"], line["to"]) for line in said] == [("child.replaced", "2")]


def test_a_version_that_is_refused_is_tried_again_when_it_is_another_one_by_that_number(
    child: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(PINNED, "1:a")
    (tmp_path / f"loaded.{child}").write_text("1:a\n0")
    moved = tmp_path / f"moved.{child}"
    moved.write_text("1:b")
    switch = VersionSwitch(ChildStatusFiles(tmp_path, lambda: child), CurrentClaims(), my_turn=True)
    switch.switch()
    assert (os.environ[PINNED], switch.roll_back(HeldVersion("1", "b"), "it is broken")) == (
        "1:b",
        True,
    )
    assert (os.environ[PINNED], switch.wanted) == ("1:a", "")
    assert switch.problem == "version 1 could not be loaded: it is broken"
    moved.write_text("1:c")
    assert (switch.wanted, switch.problem) == ("1:c", "")
