"""Tests the settings that gateways and workers are started with, whoever starts them.

Their connections are bounded, and a run has a name in a shared store.
"""

from pathlib import Path

import pytest

from scripts.local.run_dir import RunDir
from scripts.local.services import Services
from testkit.stack import ROOT


@pytest.mark.parametrize(
    "run_dir",
    [
        "app/Dockerfile",
        "scripts/local/services.py",
        "k8s/dev-values.yaml",
        "README.md",
        "testkit/stack.py",
    ],
)
def test_whoever_starts_a_gateway_bounds_its_connections(run_dir: str) -> None:
    text = (ROOT / run_dir).read_text(encoding="utf-8")
    starts = sum("app.main:create_app" in line for line in text.splitlines())
    assert 0 < starts == text.count("app.http.protocol:BoundedHttpProtocol")


def _told(run_dir: RunDir) -> set[str]:
    """The installation of each gateway and worker of a run; '' for none."""
    return {
        service.env.get("INSTALLATION", "")
        for service in Services(run_dir).all
        if service.name.startswith(("gateway", "worker"))
    }


def test_a_run_has_a_name_of_its_own_in_a_store_that_others_may_use_and_keeps_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("INSTALLATION", "STORE_URL"):
        monkeypatch.delenv(name, raising=False)
    runs = [RunDir(tmp_path / name, 8000, 2) for name in ("one", "two")]
    for run in runs:
        run.folder.mkdir()
    assert _told(runs[0]) == {""}, "its own store is nobody else's"
    monkeypatch.setenv("STORE_URL", "redis://cache")
    (one,), (again,), (two,) = (_told(run) for run in (runs[0], runs[0], runs[1]))
    assert one == again != two
    monkeypatch.setenv("INSTALLATION", "mine")
    assert _told(runs[0]) == {""}, "what the environment says is inherited"
