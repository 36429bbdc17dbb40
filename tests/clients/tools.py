"""Installs the generators, once for each list of their versions, and runs them.

They stay under ~/.cache/inference-clients: what pins them is in package.json and requirements.txt.
"""

import os
import shutil
import subprocess
import sys
from functools import cached_property
from hashlib import blake2b
from pathlib import Path

HERE = Path(__file__).parent
PROGRAMS = HERE / "programs"
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "inference-clients"
INSTALL = ["npm", "install", "--no-package-lock", "--ignore-scripts", "--no-audit", "--no-fund"]


def run(*command: str | Path, folder: Path, **env: str) -> None:
    """Runs a program; what it said is in the failure."""
    done = subprocess.run(
        list(map(str, command)),
        cwd=folder,
        env=os.environ | env,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{command[0]}: {done.stdout[-3000:]}{done.stderr[-3000:]}"


def _installed(pins: Path) -> Path:
    """The folder for these versions; it is complete once it has the file `done`."""
    folder = CACHE / f"{pins.stem}-{blake2b(pins.read_bytes(), digest_size=6).hexdigest()}"
    if not (folder / "done").exists():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        shutil.copy(pins, folder)
    return folder


class Clients:
    """The three generators, in a folder with the programs that use what they make."""

    def __init__(self, folder: Path, page: Path, url: str) -> None:
        self.folder = folder
        self.url = url
        """Of the gateway that the programs call."""
        self._page = page
        shutil.copytree(PROGRAMS, folder, dirs_exist_ok=True)

    @cached_property
    def _npm(self) -> Path:
        kept = _installed(HERE / "package.json")
        if not (kept / "done").exists():
            run(*INSTALL, folder=kept)
            (kept / "done").touch()
        (self.folder / "node_modules").symlink_to(kept / "node_modules")
        return self.folder / "node_modules" / ".bin"

    @cached_property
    def _python(self) -> Path:
        kept = _installed(HERE / "requirements.txt")
        python = kept / "bin" / "python"
        if not (kept / "done").exists():
            run(sys.executable, "-m", "venv", kept, folder=kept)
            options = ["--quiet", "--only-binary=:all:", "--no-deps", "-r", "requirements.txt"]
            run(python, "-m", "pip", "install", *options, folder=kept)
            (kept / "done").touch()
        return python

    def make_typescript(self) -> None:
        """By openapi-typescript and by hey-api's generator; both are compiled."""
        out = "openapi_typescript.ts"
        run(self._npm / "openapi-typescript", self._page, "-o", out, folder=self.folder)
        hey = ("-o", "hey_api_client", "-c", "@hey-api/client-fetch")
        run(self._npm / "openapi-ts", "-i", self._page, *hey, folder=self.folder)
        run(self._npm / "tsc", "-p", ".", folder=self.folder)

    def make_python(self) -> None:
        """By openapi-python-client; its types are checked with those of the program."""
        path = f"{self._python.parent}:{os.environ['PATH']}"  # It formats by its own ruff.
        options = ["--meta", "none", "--output-path", "inference_service_client", "--overwrite"]
        generator = self._python.parent / "openapi-python-client"
        run(generator, "generate", "--path", self._page, *options, folder=self.folder, PATH=path)
        check = (sys.executable, "-m", "mypy", "--config-file", "mypy.ini")
        found = ("--python-executable", self._python, "--cache-dir", CACHE / "mypy")
        parts = ("python_client.py", "inference_service_client")
        run(*check, *found, *parts, folder=self.folder)

    def call_by_typescript(self, program: str) -> None:
        run("node", f"built/{program}.js", self.url, folder=self.folder)

    def call_by_python(self) -> None:
        run(self._python, "python_client.py", self.url, folder=self.folder)
