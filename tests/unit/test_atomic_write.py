"""A file that is written while others read it is the old one or the new one."""

import os
from pathlib import Path

import pytest

from inference.blobs.atomic_write import DRAFT, write_atomically


def test_it_takes_the_place_of_what_was_there_and_leaves_nothing_else(tmp_path: Path) -> None:
    for content in (b"old", b"new"):
        write_atomically(tmp_path / "file", content)
        assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [
            ("file", content)
        ]


@pytest.mark.parametrize("sync", [True, False])
def test_a_disk_that_takes_a_part_at_a_time_gets_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sync: bool
) -> None:
    write = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, data: write(descriptor, data[:3]))
    write_atomically(tmp_path / "file", bytearray(range(100)), sync=sync)
    assert (tmp_path / "file").read_bytes() == bytes(range(100))


def test_a_write_that_fails_leaves_the_old_content_and_no_draft(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_atomically(tmp_path / "file", b"old")
    seen: list[str] = []

    def full(_descriptor: int, _data: memoryview) -> int:
        seen.extend(path.name for path in tmp_path.iterdir() if path.name.endswith(DRAFT))
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(OSError, match="No space"):
        write_atomically(tmp_path / "file", b"new")
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("file", b"old")]
    assert [name.startswith(".file.") for name in seen] == [True]


def test_a_draft_is_not_found_by_the_name_of_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found: list[Path] = []
    fsync = os.fsync

    def look(descriptor: int) -> None:
        found.extend(tmp_path.glob("file.*"))
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", look)
    write_atomically(tmp_path / "file.1", b"content")
    assert found == [tmp_path / "file.1"], "found after the rename alone, when the folder is synced"
