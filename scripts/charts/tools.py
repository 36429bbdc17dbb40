"""Finds helm and its kin.

They are on PATH, where the test cluster keeps its own, or where `scripts/chart` installed them.
"""

import os
import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CHART = ROOT / "charts" / "inference"
PLACES = (
    Path(os.environ.get("CLUSTER_HOME", "/var/lib/inference-cluster")) / "bin",
    Path(os.environ.get("STATE_DIR", ROOT / ".state")) / "tools",
)


def path_of(tool: str) -> str | None:
    """Returns the program's path, or None."""
    return shutil.which(tool, path=os.pathsep.join([os.environ.get("PATH", ""), *map(str, PLACES)]))


def run(tool: str, *arguments: str, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
    """Runs a tool; its failure is the caller's to judge.

    Raises `FileNotFoundError` with a sentence if it is nowhere.
    """
    program = path_of(tool)
    if program is None:
        raise FileNotFoundError(
            f"{tool} is not installed: scripts/chart --tools builds it, given Go"
        )
    return subprocess.run(
        [program, *arguments],
        check=False,
        input=stdin,
        capture_output=True,
        text=True,
        # Go programs that end before it pays to collect garbage: a third less to do.
        env=os.environ | {"GOGC": "off", "GOMEMLIMIT": "1GiB"},
    )


def output(tool: str, *arguments: str) -> str:
    """What a tool prints; its failure is ours."""
    done = run(tool, *arguments)
    if done.returncode:
        raise RuntimeError(f"{tool} {' '.join(arguments)}\n{done.stderr or done.stdout}")
    return done.stdout
