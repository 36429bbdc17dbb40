"""Marks all tests of this folder, since they need tools that a plain checkout lacks.

A missing tool fails the test that needs it.
"""

import os
import subprocess
from pathlib import Path

import pytest

from scripts.charts.tools import ROOT, path_of
from scripts.suites import CHART_TOOLS
from tests.chart import schemas


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "tests/chart/" in item.nodeid:
            item.add_marker(pytest.mark.chart)


@pytest.fixture(scope="session", autouse=True)
def tools() -> None:
    """Where CI builds them beside the tests, they may not be there yet."""
    program = os.environ.get("CLUSTER_UP")
    if program and not all(map(path_of, CHART_TOOLS)):
        subprocess.run([program, "--tools"], cwd=ROOT, check=True)


@pytest.fixture(scope="session")
def schema_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The schemas of Kubernetes' and KEDA's objects, laid out as kubeconform reads them."""
    return schemas.laid_out(tmp_path_factory.mktemp("schemas"))
