"""What is said of a model's process as it grows; the process is a real one, the model is not."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from worker.child_status import ChildMarks, own_bytes
from worker.parent.memory_limit import MIB, Growth

PROGRAM = "import sys; kept = []\nfor line in sys.stdin: kept.append(b'x' * int(line)); print(flush=True)"


class Child:
    """Takes as much memory as it is told."""

    def __init__(self, folder: Path) -> None:
        self._process = subprocess.Popen([sys.executable, "-c", PROGRAM], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.pid = self._process.pid
        self.grow(1)
        (folder / f"loaded.{self.pid}").write_text(f"1\n{own_bytes(self.pid)}")

    def grow(self, size: int) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{size}\n")
        self._process.stdin.flush()
        self._process.stdout.readline()

    def end(self) -> None:
        with self._process:
            self._process.kill()


@pytest.fixture
def children(tmp_path: Path) -> Iterator[list[Child]]:
    children = [Child(tmp_path), Child(tmp_path)]
    yield children
    for child in children:
        child.end()


def test_a_child_that_grew_is_to_go_and_the_next_one_is_not(children: list[Child], tmp_path: Path) -> None:
    present = children[0]
    growth = Growth(ChildMarks(tmp_path, lambda: present.pid), own_bytes(present.pid) + 50 * MIB)
    growth.look()
    assert (growth.outgrown, growth.problem) == (False, "")
    present.grow(60 * MIB)
    assert not growth.outgrown, "what was not looked at is not known"
    growth.look()
    assert growth.outgrown
    growth.replaced()
    assert not growth.outgrown, "it is ended once, however long it takes to have another"
    present = children[1]
    assert not growth.outgrown, "the next one has not been looked at"
    growth.look()
    assert not growth.outgrown
    assert "and was replaced, 1 times by now, last at" in growth.problem


def test_a_child_that_is_too_large_from_the_start_is_left_alone_and_that_is_said(children: list[Child], tmp_path: Path) -> None:
    growth = Growth(ChildMarks(tmp_path, lambda: children[0].pid), MIB)
    growth.look()
    children[0].grow(60 * MIB)
    growth.look()
    assert not growth.outgrown
    assert "right after loading, more than the 1 MiB of MODEL_MEMORY_MAX_BYTES, and is left alone" in growth.problem


def test_a_child_that_grew_before_the_first_look_is_not_taken_for_one_too_large_from_the_start(
    children: list[Child], tmp_path: Path
) -> None:
    growth = Growth(ChildMarks(tmp_path, lambda: children[0].pid), own_bytes(children[0].pid) + 50 * MIB)
    children[0].grow(60 * MIB)
    growth.look()
    assert growth.outgrown
    assert growth.problem == ""


def test_without_a_bound_nobody_looks_and_a_child_that_is_gone_has_nothing(children: list[Child], tmp_path: Path) -> None:
    growth = Growth(ChildMarks(tmp_path, lambda: children[0].pid), 0)
    growth.look()
    assert (growth.seen.own_bytes, growth.outgrown, growth.problem) == (0, False, "")
    children[0].end()
    assert own_bytes(children[0].pid) == 0
