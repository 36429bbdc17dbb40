"""All tests here need tools that a plain checkout lacks, so they carry a mark; a missing tool fails the test that needs it."""

from pathlib import Path

import pytest

from tests.chart import schemas


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "tests/chart/" in item.nodeid:
            item.add_marker(pytest.mark.chart)


@pytest.fixture(scope="session")
def schema_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The schemas of Kubernetes' and KEDA's objects, laid out as kubeconform reads them."""
    return schemas.laid_out(tmp_path_factory.mktemp("schemas"))
