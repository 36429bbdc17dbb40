"""Runs models in processes apart, one flavor after the other, and reads what they say."""

import json
import subprocess
import sys
import sysconfig
from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path

from testkit.conformance.cases import Case
from testkit.conformance.comparing import Outcome
from testkit.stack import ROOT

PACKAGES = Path(__file__).with_name("packages.txt")
LIMIT_S = 1200
"""What the models of one flavor may take; a shared machine is slow at times."""


def compared(
    cases: Sequence[Case], folder: Path, heavy: str = sys.executable, *, apart: bool = True
) -> Iterator[Outcome]:
    """Compares the models in processes of their own.

    `heavy` is the Python that has the packages of packages.txt. With `apart` each flavor has a
    process, which takes longer. One that ends in the middle costs the model that it had at hand.
    """
    for _, together in groupby(cases, key=lambda case: (apart and case.flavor, bool(case.needs))):
        left = list(together)
        while left:
            python = heavy if left[0].needs else sys.executable
            code = _run(python, folder, [case.name for case in left])
            while left and (folder / f"{left[0].name}.json").exists():
                yield _read(folder, left.pop(0))
            if left:
                yield _lost(left.pop(0), code, folder)


def _run(python: str, folder: Path, names: list[str]) -> int:
    command = [python, "-m", "testkit.conformance.child", str(folder), *names]
    with (folder / "child.log").open("ab") as log:
        try:
            return subprocess.run(
                command, cwd=ROOT, stdout=log, stderr=log, timeout=LIMIT_S, check=False
            ).returncode
        except subprocess.TimeoutExpired:
            return -1


def _read(folder: Path, case: Case) -> Outcome:
    return Outcome.read(json.loads((folder / f"{case.name}.json").read_text(encoding="utf-8")))


def _lost(case: Case, code: int, folder: Path) -> Outcome:
    last = (folder / "child.log").read_text(errors="replace").strip().splitlines()[-1:]
    why = f"its process ended with {code}: {''.join(last)[:300]}"
    return Outcome(case.name, case.flavor, case.signature, case.form, not_served=why)


def heavy_python(folder: Path) -> str:
    """Makes a virtual environment with the packages of packages.txt; answers its Python.

    It sees this environment's packages too, so that torch is not there twice. They are installed
    one by one, and what can't be installed is said and left out.
    """
    python = folder / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    site = folder / "lib" / f"python{sysconfig.get_python_version()}" / "site-packages"
    (site / "service.pth").write_text(sysconfig.get_paths()["purelib"] + "\n")
    constraints = folder / "constraints.txt"
    constraints.write_text(_installed())
    for pin in PACKAGES.read_text(encoding="utf-8").splitlines():
        folder_of_it = pin.replace("-", "_").replace("==", "-") + ".dist-info"
        if pin and not pin.startswith("#") and not (site / folder_of_it).exists():
            _install(str(python), pin, constraints)
    return str(python)


def _install(python: str, pin: str, constraints: Path) -> None:
    options = ["--quiet", "--only-binary=:all:", "--constraint", str(constraints)]
    done = subprocess.run([python, "-m", "pip", "install", *options, pin], check=False)
    if done.returncode:
        print(f"{pin} can't be installed here", file=sys.stderr)


def _installed() -> str:
    """The versions of this environment, which the packages have to go with."""
    from importlib.metadata import distributions

    own = {"inference-service"}
    pins = {
        f"{one.metadata['Name']}=={one.version}"
        for one in distributions()
        if one.metadata["Name"] not in own
    }
    return "\n".join(sorted(pins))
