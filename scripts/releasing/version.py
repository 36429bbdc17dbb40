"""Which version is released, from which commit, and what changed in it."""

import re
import tomllib
from pathlib import Path

import yaml

from scripts.charts.tools import CHART, ROOT
from scripts.releasing.programs import Programs, Unreleasable

CHANGELOG = ROOT / "CHANGELOG.md"


def read(root: Path = ROOT, chart: Path = CHART) -> str:
    """Returns the version, which project and chart must agree on."""
    with (root / "pyproject.toml").open("rb") as file:
        version = str(tomllib.load(file)["project"]["version"])
    told = yaml.safe_load((chart / "Chart.yaml").read_text(encoding="utf-8"))
    for key in ("version", "appVersion"):
        if str(told[key]) != version:
            raise Unreleasable(
                f"pyproject.toml is of version {version} and Chart.yaml's {key} is {told[key]}:"
                " set both to the version to release"
            )
    return version


def changes(version: str, text: str | None = None) -> str:
    """Returns what CHANGELOG.md says of a version, without its heading."""
    text = CHANGELOG.read_text(encoding="utf-8") if text is None else text
    found = re.search(
        rf"^## {re.escape(version)}\b[^\n]*\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL
    )
    if found is None or not found[1].strip():
        raise Unreleasable(f"CHANGELOG.md says nothing of {version}: write what changes for users")
    return found[1].strip() + "\n"


def revision(programs: Programs, *, push: bool) -> str:
    """Returns the commit. Only committed files may be pushed."""
    changed = programs.look("git", "status", "--porcelain").splitlines()
    if changed and push:
        raise Unreleasable(
            f"{changed[0].split()[-1]} has changes that are in no commit: commit them, or build"
            " without --push"
        )
    commit = programs.look("git", "rev-parse", "HEAD").strip()
    return f"{commit}-dirty" if changed else commit
