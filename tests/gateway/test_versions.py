"""Tests whose signature a gateway goes by while an alias moves.

It is that of the version that live workers hold, or the registry's where no worker lives.
"""

import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from inference.ids import model_of
from inference.store.messages import WorkerState
from testkit.servers import MlflowServer, Valkey
from testkit.stack import Stack
from testkit.waiting import until
from tests.gateway.support import GOOD, FakeWorker, GatewayClient, register

NAME = "shifting"
NEWER = GOOD | {"humidity": 0.5}


def refused(site: GatewayClient) -> list[str]:
    """Returns the gateway's complaints about the first version's features and the second's.

    Features that it takes bring none.
    """
    answers = [
        site.call("POST", "/predict/async/", json={"features": features})
        for features in (GOOD, NEWER)
    ]
    return [
        error["message"]
        for answer in answers
        if answer.status_code == 422
        for error in json.loads(answer.content)["errors"]
    ]


def served(site: GatewayClient, version: str) -> bool:
    return bool(site.get("/predict/model/info").json()["version"] == version)


def holding(driver: FakeWorker, site: GatewayClient, version: str) -> bool:
    driver.beat(WorkerState.IDLE, version)
    return served(site, version)


def taken_by(site: GatewayClient, features: dict[str, Any], model: str) -> str:
    """The pool that a request goes to, by its task id; or why it is refused."""
    answer = site.call("POST", "/predict/async/", json={"features": features, "model": model})
    told = json.loads(answer.content)
    return str(
        model_of(told["task_id"]) if answer.status_code == 202 else told["errors"][0]["message"]
    )


@pytest.fixture(scope="module")
def two_versions(mlflow_server: MlflowServer) -> str:
    """The URL of a registry that has the two versions, the alias meaning the second."""
    register(mlflow_server.url, NAME)
    register(mlflow_server.url, NAME, "humidity")
    return mlflow_server.url


@pytest.fixture
def stack(two_versions: str, tmp_path: Path) -> Iterator[Stack]:
    """No gateway yet."""
    valkey = Valkey(tmp_path / "valkey")
    valkey.start()
    stack = Stack(tmp_path, valkey, two_versions, NAME, {"REGISTRY_REFRESH_S": "0.2"})
    yield stack
    stack.stop()
    valkey.kill()


def test_a_request_names_a_pool_or_the_alias_or_version_that_one_serves(stack: Stack) -> None:
    stack.add_gateway(MODEL_URIS=f"models:/{NAME}@production, first=models:/{NAME}/1")
    with GatewayClient(stack) as site, FakeWorker(stack.valkey.url(), "first") as driver:
        assert {taken_by(site, NEWER, name) for name in (NAME, f"{NAME}@production")} == {NAME}
        assert {taken_by(site, GOOD, name) for name in ("first", f"{NAME}/1")} == {"first"}
        assert taken_by(site, GOOD, NAME) == "is missing", "each by its own version's features"
        assert taken_by(site, NEWER, f"{NAME}/1") == "is none of the model's features"
        for name in (
            f"{NAME}/2",
            f"{NAME}@other",
            f"{NAME}@",
            "first@production",
            f"models:/{NAME}/1",
        ):
            assert f"{NAME}, {NAME}@production, first, {NAME}/1" in taken_by(site, GOOD, name), name
        driver.beat(WorkerState.IDLE)
        card = site.get(f"/predict/model/info?model={NAME}/1").json()
        told = [card[part] for part in ("name", "registered_name", "version", "uri")]
        assert told == ["first", NAME, "1", f"models:/{NAME}/1"]
        assert [worker["id"] for worker in card["workers"]] == ["driver"]
        assert model_of(driver.run()) == "first"
        queues = site.get("/monitoring/queues").json()["queues"]
        assert {queue["model"]: queue["outstanding"] for queue in queues} == {NAME: 2, "first": 1}


def test_requests_are_checked_by_the_version_that_most_workers_hold(stack: Stack) -> None:
    stack.add_gateway()
    with GatewayClient(stack) as site, FakeWorker(stack.valkey.url(), NAME) as driver:
        assert refused(site) == ["is missing"], "the alias means version 2"
        until(partial(holding, driver, site, "1"), "the version that a worker holds to be served")
        assert refused(site) == ["is none of the model's features"]
        until(partial(holding, driver, site, "2"), "its next version to be served")
        assert refused(site) == ["is missing"]
        until(partial(holding, driver, site, "1"), "the version before to be served again")
        driver.beat(WorkerState.GONE)
        until(
            partial(served, site, "2"), "the registry's version to be served where no worker lives"
        )
