"""The registry with the models that the tests load.

They are the match-outcome model, as its own program trains it, and some others.
"""

import subprocess
import sys
from pathlib import Path

import pytest

from testkit.lanes import once
from testkit.servers import MlflowServer
from worker.models import Model
from worker.models.loader import load, resolve

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def training_report(mlflow_server: MlflowServer, tmp_path_factory: pytest.TempPathFactory) -> str:
    """What training printed; when it is here, all models are registered."""

    def register() -> str:
        command = [sys.executable, "-m", "tests.models.register_models", mlflow_server.url]
        done = subprocess.run(
            command, cwd=REPOSITORY, capture_output=True, text=True, timeout=600, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    return once(tmp_path_factory, "models", register)


@pytest.fixture(scope="session")
def registry(training_report: str, mlflow_server: MlflowServer) -> str:
    """The address of a server that has the models."""
    assert training_report
    return mlflow_server.url


@pytest.fixture(scope="session")
def match_outcome(registry: str) -> Model:
    return load(resolve("models:/match-outcome@production", registry), registry)
