"""The real servers that the suites share, each started once a session."""

from collections.abc import Iterator

import pytest

from tests.support.servers import MlflowServer, ObjectStore, Valkey


@pytest.fixture(scope="session")
def valkey_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Valkey]:
    server = Valkey(tmp_path_factory.mktemp("valkey"))
    server.start()
    yield server
    server.kill()


@pytest.fixture
def valkey(valkey_server: Valkey) -> Valkey:
    """The shared Valkey, empty. A test that kills or freezes one starts its own."""
    valkey_server.flush()
    return valkey_server


@pytest.fixture(scope="session")
def mlflow_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MlflowServer]:
    server = MlflowServer(tmp_path_factory.mktemp("mlflow"))
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def object_store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ObjectStore]:
    """An S3 with the bucket `predictions`."""
    server = ObjectStore(tmp_path_factory.mktemp("objects"))
    server.start("predictions")
    yield server
    server.stop()
