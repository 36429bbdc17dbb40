"""Runs docker, helm, cosign and git, or says what would be run."""

import shlex
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass

from scripts.charts.tools import ROOT


class Unreleasable(Exception):
    """Why there is no release, as a sentence."""


@dataclass(frozen=True)
class Programs:
    """Each command is printed before it runs; `dry` runs none."""

    dry: bool = False

    def run(self, *command: str) -> str:
        """Returns what a program prints on both streams; '' in a dry run."""
        print("+", shlex.join(command), flush=True)
        return "" if self.dry else self.look(*command)

    @staticmethod
    def look(*command: str) -> str:
        """Runs what changes nothing, in a dry run too."""
        return _output(command)


def _output(command: Sequence[str]) -> str:
    try:
        done = subprocess.run(
            command,
            check=False,
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
    except FileNotFoundError:
        raise Unreleasable(f"{command[0]} is not on PATH") from None
    if done.returncode:
        raise Unreleasable(f"{shlex.join(command)} failed:\n{done.stdout.strip()}")
    return done.stdout
