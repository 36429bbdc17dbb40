"""The real servers that the suites share, each started once a session."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from testkit import lanes
from testkit.servers import MlflowServer, ObjectStore, Valkey

# Lanes share two cores, so how long an example takes says nothing about the code.
settings.register_profile("lanes", settings.default, deadline=None)
settings.load_profile("lanes")


@pytest.hookimpl(tryfirst=True)
def pytest_sessionstart(session: pytest.Session) -> None:
    """Before the lanes start, so that they know its address."""
    if lanes.runs_lanes(session.config):
        folder = tempfile.TemporaryDirectory(prefix="mlflow-of-all-lanes-")
        server = lanes.start_server(Path(folder.name))
        session.config.add_cleanup(folder.cleanup)
        session.config.add_cleanup(server.stop)


@pytest.fixture(scope="session")
def valkey_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Valkey]:
    server = Valkey(tmp_path_factory.mktemp("valkey"))
    server.start()
    yield server
    server.kill()


@pytest.fixture
def valkey(valkey_server: Valkey) -> Iterator[Valkey]:
    """The shared Valkey, empty before and after each test.

    Keys that a test leaves, such as an owner mark, would refuse the next test's gateways. A test
    that kills or freezes a Valkey starts its own.
    """
    valkey_server.flush()
    yield valkey_server
    valkey_server.flush()


@pytest.fixture(scope="session")
def mlflow_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MlflowServer]:
    """One MLflow server for all tests, so a model's name belongs to one module.

    A test that stops or freezes a server starts its own.
    """
    if shared := lanes.server_of_all_lanes():
        yield shared
        return
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
