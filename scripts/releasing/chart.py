"""The chart: packaged with the registry as its default, and pushed as an OCI artifact."""

import re
import shutil
import tempfile
from pathlib import Path

from scripts.charts import schema
from scripts.charts.tools import CHART, path_of
from scripts.releasing.programs import Programs, Unreleasable

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


def package(programs: Programs, registry: str, version: str, out: Path) -> Path:
    """Packages a copy of the chart whose images come from the registry; returns the package."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / CHART.name
        if not programs.dry:
            shutil.copytree(CHART, copy)
            _point(copy, registry)
        programs.run(_helm(), "package", str(copy), f"--version={version}", f"--destination={out}")
    return out / f"{CHART.name}-{version}.tgz"


def _point(chart: Path, registry: str) -> None:
    """Makes the registry the default of `image.registry`, wherever the chart says it."""
    values = chart / "values.yaml"
    text = values.read_text(encoding="utf-8")
    changed = text.replace("\n  registry: localhost\n", f"\n  registry: {registry}\n")
    assert changed.count(registry) == text.count(registry) + 1
    values.write_text(changed, encoding="utf-8")
    (chart / "values.schema.json").write_text(schema.make(changed), encoding="utf-8")
    readme = chart / "README.md"
    row = "| `image.registry` | `"
    page = readme.read_text(encoding="utf-8")
    readme.write_text(page.replace(f'{row}"localhost"`', f'{row}"{registry}"`'), encoding="utf-8")


def push(programs: Programs, registry: str, package: Path) -> str:
    """Pushes the package; returns its reference, by the digest that the registry has it under."""
    repository = f"{registry}/charts"
    told = programs.run(_helm(), "push", str(package), f"oci://{repository}")
    found = _DIGEST.search(told)
    if found is None and not programs.dry:
        raise Unreleasable(f"{package.name} was pushed, and helm does not say its digest")
    return f"{repository}/{CHART.name}@{found[0] if found else 'sha256:…'}"


def _helm() -> str:
    found = path_of("helm")
    if found is None:
        raise Unreleasable("helm is not installed: scripts/chart --tools builds it, given Go")
    return found
