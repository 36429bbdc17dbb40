"""What is said of a model's process as it grows; the process is a real one, the model is not."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from worker.child_status import ChildStatusFiles, private_bytes
from worker.parent.current_claims import CurrentClaims
from worker.parent.memory_limit import MIB, MemoryLimit

PROGRAM = (
    "import sys; kept = []\nfor line in sys.stdin: kept.append(b'x' * int(line)); print(flush=True)"
)


class Child:
    """Takes as much memory as it is told."""

    def __init__(self, folder: Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.pid = self._process.pid
        self.grow(1)
        (folder / f"loaded.{self.pid}").write_text(f"1\n{private_bytes(self.pid)}")

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


def test_a_child_that_grew_is_to_go_and_the_next_one_is_not(
    children: list[Child], tmp_path: Path
) -> None:
    present = children[0]
    memory = MemoryLimit(
        ChildStatusFiles(tmp_path, lambda: present.pid),
        CurrentClaims(),
        private_bytes(present.pid) + 50 * MIB,
    )
    memory.measure()
    assert (memory.child_above_limit, memory.problem) == (False, "")
    present.grow(60 * MIB)
    assert not memory.child_above_limit, "what was not looked at is not known"
    memory.measure()
    assert memory.child_above_limit
    assert memory.restart_child()
    assert not memory.child_above_limit, "it is ended once, however long it takes to have another"
    present = children[1]
    assert not memory.child_above_limit, "the next one has not been looked at"
    memory.measure()
    assert not memory.child_above_limit
    assert "and was replaced, 1 times by now, last at" in memory.problem


def test_a_child_that_is_too_large_from_the_start_is_left_alone_and_that_is_said(
    children: list[Child], tmp_path: Path
) -> None:
    memory = MemoryLimit(ChildStatusFiles(tmp_path, lambda: children[0].pid), CurrentClaims(), MIB)
    memory.measure()
    children[0].grow(60 * MIB)
    memory.measure()
    assert not memory.child_above_limit
    assert (
        "right after loading, more than the 1 MiB of MODEL_MEMORY_MAX_BYTES, and is left alone"
        in memory.problem
    )


def test_a_child_that_grew_before_the_first_look_is_not_taken_for_one_too_large_from_the_start(
    children: list[Child], tmp_path: Path
) -> None:
    limit = private_bytes(children[0].pid) + 50 * MIB
    memory = MemoryLimit(
        ChildStatusFiles(tmp_path, lambda: children[0].pid), CurrentClaims(), limit
    )
    children[0].grow(60 * MIB)
    memory.measure()
    assert memory.child_above_limit
    assert memory.problem == ""


def test_without_a_bound_nobody_looks_and_a_child_that_is_gone_has_nothing(
    children: list[Child], tmp_path: Path
) -> None:
    memory = MemoryLimit(ChildStatusFiles(tmp_path, lambda: children[0].pid), CurrentClaims(), 0)
    memory.measure()
    assert (memory.sample.bytes, memory.child_above_limit, memory.problem) == (0, False, "")
    children[0].end()
    assert private_bytes(children[0].pid) == 0
