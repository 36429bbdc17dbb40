"""Tests the settings that gateways and workers are started with, whoever starts them.

Their connections are bounded, and a run has a name in a shared store.
"""

from pathlib import Path

import pytest

from scripts.local.__main__ import welcome
from scripts.local.run_dir import RunDir
from scripts.local.services import Services
from testkit.stack import ROOT


@pytest.mark.parametrize(
    "run_dir",
    [
        "app/Dockerfile",
        "app/__main__.py",
        "scripts/local/services.py",
        "k8s/dev-values.yaml",
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


@pytest.mark.parametrize(
    ("said", "registry", "told"),
    [
        ("", "", "allow"),
        ("refuse", "", "refuse"),
        ("", "http://mlflow.example.com", ""),
        ("allow", "http://mlflow.example.com", "allow"),
    ],
)
def test_a_run_lets_the_models_of_its_own_registry_bring_code_and_says_so(
    said: str, registry: str, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MODEL_CODE", said)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", registry)
    services = Services(RunDir(tmp_path, 8000, 2))
    of_models = [each for each in services.all if each.name.startswith(("worker", "batch"))]
    assert {service.env["MODEL_CODE"] for service in of_models} == {told}
    assert any("MODEL_CODE=allow" in line for line in welcome(services).splitlines()) is (
        told == "allow"
    )


def test_two_pools_of_a_model_that_is_made_here_each_have_theirs_registered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(
        "MODEL_URIS",
        "models:/match-outcome@production,canary=models:/match-outcome@canary",
    )
    made = [service for service in Services(RunDir(tmp_path, 8000, 1)).all if service.once]
    aliases = {
        one.name: one.command[one.command.index("--alias") + 1]
        for one in made
        if "--alias" in one.command
    }
    assert aliases == {"training": "production", "training-canary": "canary"}
