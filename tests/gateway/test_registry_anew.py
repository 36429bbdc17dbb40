"""A registry whose versions are not what they were: a gateway goes by what identifies a version.

The same happens after a registry was restored from a backup: it counts from where it stands.
"""

import math
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from mlflow import MlflowClient

from app.model_version import ModelVersion
from inference.models.registered_version import identity_of
from inference.store.messages import WorkerState
from testkit.registry_copies import register_like
from testkit.servers import MlflowServer, Valkey
from testkit.stack import ROOT, Process, Stack
from testkit.waiting import until
from tests.gateway.support import FakeWorker, GatewayClient, register
from tests.gateway.test_unserved import kept, ready, version
from tests.gateway.test_versions import refused

NAME = "anew"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MlflowServer]:
    """This module's own: a test writes into its database."""
    server = MlflowServer(tmp_path_factory.mktemp("mlflow"))
    server.start()
    yield server
    server.stop()


@pytest.fixture
def client(server: MlflowServer) -> MlflowClient:
    return MlflowClient(server.url, server.url)


@pytest.fixture
def stack(server: MlflowServer, valkey: Valkey, tmp_path: Path) -> Iterator[Stack]:
    """No gateway yet."""
    stack = Stack(tmp_path, valkey, server.url, NAME, {"REGISTRY_REFRESH_S": "0.2"})
    yield stack
    stack.stop()


def identity(client: MlflowClient, name: str) -> str:
    return identity_of(client.get_model_version(name, "1"))


def keeps(driver: FakeWorker, held: str, valkey: Valkey, found: str) -> bool:
    """Whether a gateway has read a version and kept it, while a worker holds one."""
    driver.beat(WorkerState.IDLE, "1", held)
    card = kept(valkey, driver.model)
    return card is not None and card.identity == found


def told(site: GatewayClient) -> Any:
    return site.get("/predict/model/info").json()


def complaints(driver: FakeWorker, held: str, site: GatewayClient) -> list[str]:
    """The gateway's complaints about old features and new while a worker holds a version."""
    driver.beat(WorkerState.IDLE, "1", held)
    return refused(site)


def test_a_version_that_is_another_one_by_the_same_number_is_served_when_workers_hold_it(
    stack: Stack, client: MlflowClient
) -> None:
    register(stack.mlflow_url, NAME)
    register(stack.mlflow_url, "next", "humidity")
    first = identity(client, NAME)
    stack.add_gateway()
    with GatewayClient(stack) as site, FakeWorker(stack.valkey.url(), NAME) as driver:
        assert complaints(driver, first, site) == ["is none of the model's features"]
        before = told(site)["run_id"]
        second = register_like(client, NAME, "next")
        assert second != first
        until(partial(keeps, driver, first, stack.valkey, second), "the new version 1 to be read")
        assert complaints(driver, first, site) == ["is none of the model's features"]
        assert told(site)["run_id"] == before, "what will run them checks them"
        until(
            lambda: complaints(driver, second, site) == ["is missing"],
            "the version that workers hold to be served",
        )
        after = told(site)
        assert (after["version"], after["run_id"] == before) == ("1", False)


def test_a_result_of_the_version_before_is_shared_with_nobody_after(
    stack: Stack, client: MlflowClient
) -> None:
    name = "shared"
    register(stack.mlflow_url, name)
    stack.add_gateway(MODEL_URIS=f"models:/{name}@production")
    with GatewayClient(stack) as site, FakeWorker(stack.valkey.url(), name) as driver:
        early = site.submit(match_id=8)
        driver.run()
        assert site.submit(match_id=8) == early, "an equal request shares the result"
        register_like(client, name, name)
        until(lambda: site.submit(match_id=8) != early, "the new version 1 to be served")


def test_a_version_that_is_not_ready_is_named_and_taken_up_when_it_is(
    stack: Stack, server: MlflowServer
) -> None:
    name = "slow"
    register(server.url, name)
    set_status(server, name, "PENDING_REGISTRATION")
    gateway = stack.start_gateway(MODEL_URIS=f"models:/{name}@production")
    for status, words in (
        ("PENDING_REGISTRATION", "is still being registered"),
        ("FAILED_REGISTRATION", "could not be registered: register it again"),
    ):
        set_status(server, name, status)
        until(
            partial(says, gateway, name, f"models:/{name}/1 {words}"),
            "the reason to be said",
            90,
        )
    set_status(server, name, "READY")
    until(lambda: version(gateway, name) == "1", "it to be served")


def says(gateway: Process, name: str, problem: str) -> bool:
    """Whether a gateway that serves nothing says this of a model."""
    return bool((ready(gateway, 200) or {}).get(name, {}).get("problem") == problem)


def set_status(server: MlflowServer, name: str, status: str) -> None:
    """Has the registry say a status that its SQL store sets for no version itself."""
    with sqlite3.connect(server.folder / "mlflow.db", timeout=30) as database:
        database.execute("UPDATE model_versions SET status = ? WHERE name = ?", (status, name))


READ_TWICE = """
import sys
from app.mlflow_reader import MlflowReader
read = MlflowReader(sys.argv[1])
print(read(sys.argv[2]) == read(sys.argv[2]))
"""


def test_metrics_that_are_no_numbers_are_null_and_a_card_with_them_is_no_news(
    stack: Stack, client: MlflowClient
) -> None:
    name = "not-a-number"
    uri = f"models:/{name}@production"
    register(stack.mlflow_url, name)
    client.log_metric(str(client.get_model_version(name, "1").run_id), "nan", math.nan)
    stack.add_gateway(MODEL_URIS=uri)
    with GatewayClient(stack) as site:
        assert told(site)["metrics"] == {"nan": None, "log_loss": 0.5}
    card = until(lambda: kept(stack.valkey, name), "the card to be kept")
    assert isinstance(card, ModelVersion)
    assert card.metrics == {"nan": None, "log_loss": 0.5}
    command = [sys.executable, "-c", READ_TWICE, stack.mlflow_url, uri]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "True"
