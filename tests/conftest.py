"""The real servers that the suites share, each started once a session."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from inference.broker.celery_config import queue_name
from testkit import lanes
from testkit.brokers import Broker, ValkeyBroker
from testkit.lanes import once
from testkit.preloaded import completed
from testkit.rabbitmq import RabbitMQ
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
def fault_registry(mlflow_server: MlflowServer, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The URL of an MLflow that knows the fault model."""

    def register() -> str:
        done = completed("testkit.register", mlflow_server.url, env={})
        assert done.returncode == 0, done.stderr
        return mlflow_server.url

    return once(tmp_path_factory, "fault", register)


@pytest.fixture(scope="session")
def object_store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ObjectStore]:
    """An S3 with the bucket `predictions`."""
    server = ObjectStore(tmp_path_factory.mktemp("objects"))
    server.start("predictions")
    yield server
    server.stop()


@pytest.fixture(scope="session")
def rabbitmq_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RabbitMQ]:
    """One RabbitMQ for a lane's tests, since it takes seconds to start."""
    server = RabbitMQ(tmp_path_factory.mktemp("rabbitmq"))
    server.start()
    yield server
    server.stop()


@pytest.fixture
def rabbitmq(rabbitmq_server: RabbitMQ) -> Iterator[RabbitMQ]:
    """The lane's RabbitMQ. A test may break it; it is whole for the next one."""
    yield rabbitmq_server
    rabbitmq_server.mend(queue_name("inference", "fault"))


@pytest.fixture(params=["redis", pytest.param("rabbitmq", marks=pytest.mark.rabbitmq)])
def broker(request: pytest.FixtureRequest) -> Iterator[Broker]:
    """A broker of each kind, which a test may break."""
    if request.param == "rabbitmq":
        yield request.getfixturevalue("rabbitmq")
    else:
        yield request.getfixturevalue("valkey_broker")


@pytest.fixture
def valkey_broker(tmp_path: Path) -> Iterator[ValkeyBroker]:
    """A broker that is not the store."""
    server = ValkeyBroker(tmp_path / "broker")
    server.start()
    yield server
    server.kill()
