"""One registered model and two gateways for the session; tests of outages start their own."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from testkit.lanes import once
from testkit.match_file import season, write_matches
from testkit.servers import MlflowServer, Valkey
from testkit.stack import Stack
from tests.gateway.kept import Kept
from tests.gateway.support import MODEL, FakeWorker, GatewayClient, register


@pytest.fixture(scope="session")
def registry_url(mlflow_server: MlflowServer, tmp_path_factory: pytest.TempPathFactory) -> str:
    """An MLflow server with version 1 of the model."""
    once(
        tmp_path_factory,
        MODEL,
        lambda: register(mlflow_server.url, feature_table="stations.parquet"),
    )
    return mlflow_server.url


@pytest.fixture(scope="session")
def _session_stack(
    valkey_server: Valkey, registry_url: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stack]:
    stack = Stack(tmp_path_factory.mktemp("gateways"), valkey_server, registry_url, MODEL)
    stack.env["SYNC_SLO_S"] = "4"
    stack.env["EXTENSIONS"] = "examples.football.gateway:install"
    stack.env["BATCH_OUTPUT_URL"] = str(stack.folder / "matches.parquet")
    write_matches(stack.folder / "matches.parquet", season(40))
    stack.add_gateway()
    stack.add_gateway()
    yield stack
    stack.stop()


@pytest.fixture
def site(_session_stack: Stack, valkey: Valkey) -> Iterator[GatewayClient]:
    """Two gateways on an empty store, called in turn."""
    assert valkey.answers()
    with GatewayClient(_session_stack) as site:
        yield site


@pytest.fixture
def driver(valkey: Valkey) -> Iterator[FakeWorker]:
    """A worker played by the test."""
    with FakeWorker(valkey.url()) as driver:
        yield driver


@pytest.fixture
def own_stack(registry_url: str, tmp_path: Path) -> Iterator[Stack]:
    """No gateway yet, and a Valkey of its own that the test may kill or freeze."""
    server = Valkey(tmp_path / "valkey")
    server.start()
    stack = Stack(tmp_path, server, registry_url, MODEL)
    yield stack
    stack.stop()
    server.kill()


@pytest.fixture
def kept(own_stack: Stack, tmp_path: Path) -> Iterator[Kept]:
    """No gateway yet; a threshold of 1 KiB, and a look every three seconds.

    A write may take half as long as that.
    """
    folder = tmp_path / "payloads"
    folder.mkdir()
    own_stack.env |= {
        "PAYLOAD_URL": f"file://{folder}",
        "PAYLOAD_THRESHOLD_BYTES": "1024",
        "PAYLOAD_SWEEP_S": "3",
    }
    own_stack.env |= {"REGISTRY_REFRESH_S": "0.2", "SYNC_SLO_S": "5"}
    kept = Kept(own_stack, folder)
    yield kept
    for site in kept.sites:
        site.__exit__()


@pytest.fixture
def own_driver(kept: Kept) -> Iterator[FakeWorker]:
    with FakeWorker(kept.stack.valkey.url()) as driver:
        yield driver
