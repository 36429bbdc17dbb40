"""Keeps a model to its own folder.

A version's metadata name files, and its folder may hold links. Whoever can write to the registry
could have a worker read any file of its own by one, `/proc/self/environ` for instance, and answer
with what is in it.
"""

import os
from pathlib import Path

from inference.errors import Misconfigured


def path_inside(folder: Path, said: object, what: str) -> Path:
    """Returns a file of the folder by its name; `what` tells who names it.

    Raises `Misconfigured` for a name that leads out of the folder. The file need not be there.
    """
    if not isinstance(said, str) or "\0" in said:
        raise Misconfigured(f"{what} is {said!r:.100}, which is not the name of a file")
    file = folder / said
    if Path(said).is_absolute() or ".." in Path(said).parts or not _is_inside(folder, file):
        raise Misconfigured(f"{what} is {said!r:.100}, which leads out of the model's folder")
    return file


def check_files(folder: Path) -> None:
    """Raises `Misconfigured` for a link that leads out, or for what is no file and no folder."""
    root = folder.resolve()
    for parent, folders, files in os.walk(root):
        for name in (*folders, *files):
            path = Path(parent, name)
            if path.is_symlink() and not _is_inside(root, path):
                raise Misconfigured(
                    f"its {path.relative_to(root)} is a link that leads out of the model's folder"
                )
            if not path.is_file() and not path.is_dir() and not path.is_symlink():
                raise Misconfigured(f"its {path.relative_to(root)} is neither a file nor a folder")


def _is_inside(folder: Path, path: Path) -> bool:
    try:
        return path.resolve().is_relative_to(folder.resolve())
    except (OSError, RuntimeError):  # a link that leads to itself
        return False
