"""Whose signature a gateway goes by while an alias moves: that of what live workers hold, the registry's where none lives."""

import json
from functools import partial
from pathlib import Path

from app.contract.moves import WorkerState
from tests.gateway.support import GOOD, Driver, Site, register
from tests.support.servers import MlflowServer, Valkey
from tests.support.stack import Stack
from tests.support.waiting import until

NAME = "shifting"
NEWER = GOOD | {"humidity": 0.5}


def refused(site: Site) -> list[str]:
    """What the gateway says of the first version's features and of the second's, as far as it does not take them."""
    answers = [site.call("POST", "/predict/async/", json={"features": features}) for features in (GOOD, NEWER)]
    return [error["message"] for answer in answers if answer.status_code == 422 for error in json.loads(answer.content)["errors"]]


def served(site: Site, version: str) -> bool:
    return bool(site.get("/predict/model/info").json()["version"] == version)


def holding(driver: Driver, site: Site, version: str) -> bool:
    driver.beat(WorkerState.IDLE, version)
    return served(site, version)


def test_requests_are_checked_by_the_version_that_most_workers_hold(mlflow_server: MlflowServer, tmp_path: Path) -> None:
    register(mlflow_server.url, NAME)
    register(mlflow_server.url, NAME, "humidity")
    valkey = Valkey(tmp_path / "valkey")
    valkey.start()
    stack = Stack(tmp_path, valkey, mlflow_server.url, NAME, {"REGISTRY_REFRESH_S": "0.2"})
    try:
        stack.add_gateway()
        with Site(stack) as site, Driver(valkey.url(), NAME) as driver:
            assert refused(site) == ["is missing"], "the alias means version 2"
            until(partial(holding, driver, site, "1"), "the version that a worker holds to be served")
            assert refused(site) == ["is not a feature of the model"]
            until(partial(holding, driver, site, "2"), "its next version to be served")
            assert refused(site) == ["is missing"]
            until(partial(holding, driver, site, "1"), "the version before to be served again")
            driver.beat(WorkerState.GONE)
            until(partial(served, site, "2"), "the registry's version to be served where no worker lives")
    finally:
        stack.stop()
        valkey.kill()
