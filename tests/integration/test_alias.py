"""A model's alias moves while predictions run, and the registry goes away.

The alias moves to a version that works and to one that can't be loaded.
"""

import os
import signal
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from mlflow import MlflowClient

from testkit.preloaded import completed
from testkit.register import BROKEN, FAULT
from testkit.servers import MlflowServer, Valkey, free_port
from testkit.stack import Client, Process, Stack
from testkit.submitter import Submitter
from testkit.waiting import until
from tests.integration.conftest import stop

NAME, ALIAS = "moving", "served"
URI = f"models:/{NAME}@{ALIAS}"


class Versions:
    """Registers four versions of a model: two good ones and two bad ones.

    The good ones differ in nothing but their number. One bad version can't be loaded, and gateways
    can't check the other.
    """

    first, second, broken, unchecked = "1", "2", "3", "4"

    def __init__(self, url: str) -> None:
        self._client = MlflowClient(url, url)
        for code, more in ((FAULT, ""), (FAULT, ""), (BROKEN, ""), (FAULT, "twice")):
            assert completed("testkit.register", url, NAME, str(code), more, env={}).returncode == 0

    def move(self, version: str) -> None:
        self._client.set_registered_model_alias(NAME, ALIAS, version)


@pytest.fixture(scope="module")
def mlflow_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MlflowServer]:
    """This module's own: it is frozen."""
    server = MlflowServer(tmp_path_factory.mktemp("mlflow"))
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def registered(mlflow_server: MlflowServer) -> Versions:
    return Versions(mlflow_server.url)


@pytest.fixture
def versions(registered: Versions) -> Versions:
    registered.move(registered.first)
    return registered


@pytest.fixture
def stack(versions: Versions, mlflow_server: MlflowServer, tmp_path: Path) -> Iterator[Stack]:
    """One gateway; workers that look at the alias all the time and share what they downloaded."""
    del versions
    valkey = Valkey(tmp_path / "valkey")
    valkey.start()
    settings = {
        "MODEL_REFRESH_S": "0.5",
        "MODEL_CACHE_DIR": str(tmp_path / "cache"),
        "REGISTRY_REFRESH_S": "0.5",
        "RETRY_BASE_S": "0.1",
    }
    stack = Stack(
        tmp_path, valkey, mlflow_server.url, NAME, {"MODEL_URI": URI, "MODEL_URIS": URI} | settings
    )
    stack.add_gateway()
    yield stack
    stop(stack)


def workers_of(client: Client) -> list[dict[str, Any]]:
    return list(client.get("/monitoring/workers").json()["workers"])


def hold(client: Client, version: str) -> bool:
    """Whether all workers hold a version."""
    return all(
        worker["version"] == version and worker["state"] != "loading"
        for worker in workers_of(client)
    )


def version_of(client: Client, task_id: str) -> str:
    return str(client.ended(task_id, 120)["model"]["version"])


def test_a_new_version_goes_live_under_load_and_back_without_a_failed_request(
    stack: Stack, versions: Versions
) -> None:
    for _ in range(2):
        stack.add_worker(wait=False)
    for worker in stack.workers:
        stack.wait_for(worker)
    client, starts = stack.client(), [worker.pid for worker in stack.workers]
    with Submitter(stack.client(), seconds=0.05, most_outstanding=8) as submitter:
        for version in (versions.second, versions.first):
            versions.move(version)
            until(partial(hold, client, version), f"all workers to hold version {version}", 120)
            last = len(submitter.accepted)
            until(
                partial(lambda last: len(submitter.accepted) > last, last),
                "one more to be accepted",
            )
            assert version_of(client, list(submitter.accepted)[-1]) == version
    ends = [client.ended(task_id) for task_id in submitter.accepted]
    assert {(end["status"], end["attempts"]) for end in ends} == {("success", 0)}
    assert {end["model"]["version"] for end in ends} == {versions.first, versions.second}
    assert [worker.pid for worker in stack.workers] == starts, "a worker ended"
    turns = sorted(replaced(worker) for worker in stack.workers)
    assert [len(turn) for turn in turns] == [2, 2]


def replaced(worker: Process) -> list[str]:
    return [row["timestamp"] for row in worker.events("child.replaced")]


def test_a_version_that_can_not_be_loaded_is_refused_and_the_one_before_serves_on(
    stack: Stack, versions: Versions
) -> None:
    worker, client = stack.add_worker(), stack.client()
    versions.move(versions.broken)
    said = until(
        lambda: [row["problem"] for row in workers_of(client) if row["problem"]],
        "the worker to refuse it",
        120,
    )
    assert (
        f"version {versions.broken} could not be loaded: RuntimeError: its weights do not fit"
        in said[0]
    )
    until(partial(hold, client, versions.first), "the version before to be held", 60)
    assert version_of(client, client.submit({"do": "answer", "value": 1})) == versions.first
    versions.move(versions.second)
    until(partial(hold, client, versions.second), "the next version to be held", 120)
    assert (workers_of(client)[0]["problem"], worker.died()) == (None, False)


def test_a_version_that_gateways_can_not_check_is_refused_by_workers_in_the_same_words(
    stack: Stack, versions: Versions
) -> None:
    worker, client = stack.add_worker(), stack.client()
    versions.move(versions.unchecked)
    said = until(
        lambda: [row["problem"] for row in workers_of(client) if row["problem"]],
        "the worker to refuse it",
        120,
    )
    reason = (
        f"models:/{NAME}/{versions.unchecked} can't be served: "
        "its signature has a type that can't be checked: two of one name"
    )
    assert said == [f"version {versions.unchecked} could not be loaded: {reason}"]
    until(partial(hold, client, versions.first), "the version before to be held", 60)
    model = until(
        lambda: (m := client.get("/readyz").json()["models"][NAME]).get("problem") and m,
        "the gateway to say so",
        30,
    )
    assert model == {"version": versions.first, "workers": 1, "problem": reason}
    assert version_of(client, client.submit({"do": "answer", "value": 1})) == versions.first
    versions.move(versions.second)
    until(partial(hold, client, versions.second), "the next version to be held", 120)
    until(
        lambda: "problem" not in client.get("/readyz").json()["models"][NAME],
        "the gateway to be content",
        30,
    )
    assert (workers_of(client)[0]["problem"], worker.died()) == (None, False)


def test_a_registry_that_stands_still_costs_no_prediction_and_is_followed_when_it_is_back(
    stack: Stack, versions: Versions, mlflow_server: MlflowServer
) -> None:
    worker, gateway, client = stack.add_worker(), stack.gateways[0], stack.client()
    with Submitter(stack.client(), seconds=0.05, most_outstanding=8) as submitter:
        mlflow_server.signal(signal.SIGSTOP)
        try:
            until(lambda: worker.events("alias.unknown"), "the worker to miss the registry", 60)
            until(lambda: gateway.events("registry.kept"), "the gateway to miss it", 60)
            card = client.get("/predict/model/info").json()
            assert (card["version"], client.get("/readyz").status_code) == (versions.first, 200)
            assert version_of(client, client.submit({"do": "answer", "value": 1})) == versions.first
        finally:
            mlflow_server.signal(signal.SIGCONT)
        versions.move(versions.second)
        until(partial(hold, client, versions.second), "the worker to hold the next version", 120)
    ends = [client.ended(task_id) for task_id in submitter.accepted]
    assert {(end["status"], end["attempts"]) for end in ends} == {("success", 0)}
    assert (worker.died(), gateway.died(), workers_of(client)[0]["problem"]) == (False, False, None)


def test_a_registry_that_is_away_stops_neither_one_more_worker_nor_a_new_child(
    stack: Stack, versions: Versions
) -> None:
    first, client = stack.add_worker(), stack.client()
    first.signal(signal.SIGTERM)
    first.wait()
    alone = stack.add_worker(MLFLOW_TRACKING_URI=f"http://127.0.0.1:{free_port()}")
    assert alone.events("registry.spared"), "it had no need of what was downloaded"
    assert version_of(client, client.submit({"do": "answer", "value": 1})) == versions.first
    os.kill(until(alone.model_process, "the process with the model"), signal.SIGKILL)
    assert version_of(client, client.submit({"do": "answer", "value": 1})) == versions.first
