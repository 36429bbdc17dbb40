"""Models that can't be served: a gateway serves the others, says why, and takes each up by itself
once it can.
"""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import httpx2
import pytest
import redis

from app.model_version import ModelVersion
from app.served_models import Registry
from app.shutdown import end_tasks
from inference.redis_access.address import parse
from inference.redis_access.clients import asyncio_client
from inference.store.messages import WorkerState
from inference.store.redis import RedisGatewayStore
from inference.store.redis.commands import Commands
from testkit.door import Door
from testkit.odd_models import NO_ALIAS, NOT_REGISTERED, REASONS
from testkit.preloaded import completed
from testkit.servers import MlflowServer, Valkey, free_port
from testkit.stack import Process, Stack
from testkit.waiting import until
from tests.gateway.support import GOOD, HTTP, MODEL, FakeWorker, problem, register

S3_AWAY = {"AWS_ACCESS_KEY_ID": "k", "AWS_SECRET_ACCESS_KEY": "s", "AWS_MAX_ATTEMPTS": "1"}
"""For a gateway whose object store, at the MLFLOW_S3_ENDPOINT_URL that is to be added, is away."""
BAD = "odd-map-column"


def is_named(gateway: Process, name: str) -> bool:
    return REASONS[name] in ready(gateway, 503)[name]["problem"]


def uris(*names: str) -> str:
    return ",".join(f"models:/{name}@production" for name in names)


@pytest.fixture(scope="module")
def odd_registry(registry_url: str) -> str:
    """The URL of a registry that has the good model and the odd ones."""
    done = completed("testkit.odd_models", registry_url, env={})
    assert done.returncode == 0, done.stderr
    return registry_url


@pytest.fixture
def door(mlflow_server: MlflowServer) -> Iterator[Door]:
    """Another address of the registry, where nobody answers until the test opens it."""
    door = Door(mlflow_server.port)
    yield door
    door.close()


@pytest.fixture
def stack(odd_registry: str, valkey: Valkey, tmp_path: Path) -> Iterator[Stack]:
    """No gateway yet."""
    stack = Stack(tmp_path, valkey, odd_registry, MODEL, {"REGISTRY_REFRESH_S": "0.2"})
    yield stack
    stack.stop()


def ready(gateway: Process, status: int = 200) -> Any:
    """What /readyz says of each model; None as long as it has another status."""
    with suppress(httpx2.TransportError):
        answer = HTTP.get(f"{gateway.url}/readyz")
        return answer.json()["models"] if answer.status_code == status else None


def version(gateway: Process, model: str) -> Any:
    """The version served, None for none."""
    return (ready(gateway) or {}).get(model, {}).get("version")


def submit(gateway: Process, **body: Any) -> httpx2.Response:
    return HTTP.post(f"{gateway.url}/predict/async/", json={"features": GOOD} | body)


def keep(valkey: Valkey, model: str, card: bytes) -> None:
    """Puts a card into the store, as a gateway of an older release kept it."""
    with redis.Redis(port=valkey.port) as client:
        client.set(f"{{inference:{model}}}:card", card)


def kept(valkey: Valkey, model: str) -> ModelVersion | None:
    with redis.Redis(port=valkey.port) as client:
        return ModelVersion.read(client.get(f"{{inference:{model}}}:card") or b"")


def test_a_gateway_serves_the_models_that_it_can_and_names_the_others(stack: Stack) -> None:
    away = S3_AWAY | {"MLFLOW_S3_ENDPOINT_URL": f"http://127.0.0.1:{free_port()}"}
    gateway = stack.add_gateway(MODEL_URIS=uris(*REASONS, MODEL), REGISTRY_REFRESH_S="30", **away)
    until(
        lambda: all(words in ready(gateway)[name]["problem"] for name, words in REASONS.items()),
        "all to be named, and why",
    )
    models = ready(gateway)
    assert models.pop(MODEL) == {"version": "1", "workers": 0}
    assert {name: told["version"] for name, told in models.items()} == dict.fromkeys(REASONS)
    assert submit(gateway, model=MODEL).status_code == 202
    for name, words in REASONS.items():
        told = problem(submit(gateway, model=name), 503)
        assert (told["type"], words in told["detail"]) == (
            "urn:inference:model-unavailable",
            True,
        ), name
        assert (
            problem(HTTP.get(f"{gateway.url}/predict/model/info?model={name}"), 503)["detail"]
            == told["detail"]
        )
        assert (
            f'model="{name}",outcome="unavailable",source="async"}} 1.0'
            in HTTP.get(f"{gateway.url}/metrics").text
        )
    default = problem(submit(gateway), 503)
    assert default["detail"].startswith(
        "odd-map-column can't be served now: models:/odd-map-column/1 can't be served: its"
    )
    assert problem(submit(gateway, model="nobody"), 422)["errors"][0]["field"] == "model"
    schemas = HTTP.get(f"{gateway.url}/openapi.json").json()["components"]["schemas"]
    bodies = [name for name in schemas if name.startswith("Predict-")]
    assert bodies == [f"Predict-{MODEL}"]
    assert schemas["Prediction"]["anyOf"][1]["$ref"].endswith("/PredictionOfAnother")
    assert schemas["PredictionOfAnother"]["properties"]["result"] == {}
    assert all(kept(stack.valkey, name) is None for name in REASONS), (
        "what can't be served was kept"
    )


def test_a_gateway_that_can_serve_nothing_is_not_ready_and_says_why(stack: Stack) -> None:
    gateway = stack.start_gateway(MODEL_URIS=uris(BAD, NOT_REGISTERED), WAIT_FOR_MODEL_S="300")
    until(partial(ready, gateway, 503), "the gateway to answer", 90)
    for name in (BAD, NOT_REGISTERED):
        until(partial(is_named, gateway, name), f"{name} to be named")
    told = problem(HTTP.get(f"{gateway.url}/readyz"), 503)
    assert all(model["problem"] in told["detail"] for model in told["models"].values())
    assert {
        HTTP.get(f"{gateway.url}{path}").status_code
        for path in ("/livez", "/openapi.json", "/metrics")
    } == {200}
    problem(submit(gateway), 503)


def test_a_model_is_taken_up_when_its_alias_means_a_good_version_whatever_the_store_keeps(
    stack: Stack,
) -> None:
    """And one served goes on as it was when the alias moves to a bad one; gateways that start then
    go by the workers.
    """
    name = "odd-unsigned"
    keep(stack.valkey, name, ModelVersion(f"models:/{name}@production", "1").kept())
    gateway = stack.add_gateway(MODEL_URIS=uris(MODEL, name))
    assert version(gateway, name) is None
    good = register(stack.mlflow_url, name)
    until(lambda: version(gateway, name) == good, "the good version to be served")
    assert ready(gateway)[name] == {"version": good, "workers": 0}
    until(
        lambda: (card := kept(stack.valkey, name)) and card.version == good,
        "the bad card to be replaced",
    )
    assert submit(gateway, model=name).status_code == 202
    move(stack.mlflow_url, name, "1")
    until(
        lambda: REASONS[name] in ready(gateway)[name].get("problem", ""),
        "the bad version to be named",
    )
    assert (version(gateway, name), submit(gateway, model=name).status_code) == (good, 202)
    assert kept(stack.valkey, name).version == good  # type: ignore[union-attr]
    second = stack.add_gateway(MODEL_URIS=uris(MODEL, name))
    assert version(second, name) is None, "no worker lives, and the registry names a bad one"
    with FakeWorker(stack.valkey.url(), name) as driver:
        until(partial(holding, driver, second, name, good), "what a worker holds to be served")
    assert REASONS[name] in ready(second)[name]["problem"]
    assert submit(second, model=name).status_code == 202


def holding(driver: FakeWorker, gateway: Process, model: str, held: str) -> bool:
    driver.beat(WorkerState.IDLE, held)
    return bool(version(gateway, model) == held)


def move(url: str, name: str, to: str) -> None:
    """Has the alias mean a version; '' takes the alias away."""
    body = {"name": name, "alias": "production"} | ({"version": to} if to else {})
    path = "/api/2.0/mlflow/registered-models/alias"
    HTTP.request("POST" if to else "DELETE", url + path, json=body).raise_for_status()


def test_a_registry_that_comes_back_is_taken_up_and_a_bad_card_is_no_help_till_then(
    stack: Stack, door: Door
) -> None:
    keep(
        stack.valkey,
        MODEL,
        ModelVersion(
            f"models:/{MODEL}@production", "7", inputs=[{"type": "double", "name": "days"}]
        ).kept(),
    )
    keep(
        stack.valkey,
        BAD,
        ModelVersion(
            f"models:/{BAD}@production", "7", inputs=[{"type": "map", "name": "x"}]
        ).kept(),
    )
    gateway = stack.add_gateway(MODEL_URIS=uris(MODEL, BAD, NO_ALIAS), MLFLOW_TRACKING_URI=door.url)
    models = ready(gateway)
    assert {name: told["version"] for name, told in models.items()} == {
        MODEL: "7",
        BAD: None,
        NO_ALIAS: None,
    }
    for name, told in models.items():
        assert (
            told["problem"] == f"the registry at {door.url} did not give models:/{name}@production"
        )
    assert submit(gateway, features={"days": 0.5}).status_code == 202, "checked by what was kept"
    door.open()
    until(lambda: version(gateway, MODEL) == "1", "the registry's version to be served")
    until(
        lambda: REASONS[BAD] in ready(gateway)[BAD]["problem"], "the registry's word on the bad one"
    )
    move(stack.mlflow_url, NO_ALIAS, "1")
    until(lambda: version(gateway, NO_ALIAS) == "1", "the one whose alias was set to be served")
    move(stack.mlflow_url, NO_ALIAS, "")
    until(
        lambda: REASONS[NO_ALIAS] in ready(gateway)[NO_ALIAS].get("problem", ""),
        "the alias that is gone to be named",
    )
    assert version(gateway, NO_ALIAS) == "1", "what was read goes on being served"


def test_a_read_that_hangs_holds_up_its_own_model_alone_and_has_one_thread(valkey: Valkey) -> None:
    goes_on, asked = threading.Event(), []

    def read(uri: str) -> ModelVersion:
        asked.append(uri)
        if "slow" in uri:
            goes_on.wait()
        return ModelVersion(uri, "1", inputs=[{"type": "double", "name": "x"}])

    async def both() -> None:
        served = {name: f"models:/{name}@production" for name in ("slow", "quick")}
        address = parse("STORE_URL", valkey.url())
        store = RedisGatewayStore(asyncio_client(address, 5), address, Commands(), 5)
        registry = Registry(served, read, 0.05, store, patience_s=0.05)
        await registry.start()
        assert "slow" not in registry.models
        assert (
            registry.problems["slow"]
            == "the registry did not give models:/slow@production within 0.05 s"
        )
        tasks = [asyncio.create_task(registry.keep_fresh(name)) for name in served]
        await asyncio.to_thread(
            until, lambda: asked.count(served["quick"]) > 2, "the quick one to be looked at again"
        )
        await asyncio.to_thread(until, lambda: [*registry.models] == ["quick"], "it to be served")
        assert asked.count(served["slow"]) == 1
        goes_on.set()
        await asyncio.to_thread(
            until, lambda: len(registry.models) == 2, "the slow one to be served"
        )
        await end_tasks(tasks)
        await store.close()

    asyncio.run(asyncio.wait_for(both(), 30))


def test_an_address_that_no_registry_has_ends_a_gateway_with_a_sentence(valkey: Valkey) -> None:
    env = {"STORE_URL": valkey.url(), "MLFLOW_TRACKING_URI": "htp://user:secret@mlflow:5000"}
    ended = completed(
        "uvicorn", "--factory", "app.main:create_app", "--port", str(free_port()), env=env
    )
    assert (ended.returncode, "Traceback" in ended.stderr) == (1, False)
    assert (
        "error: MLFLOW_TRACKING_URI=htp://mlflow:5000 is no address of a registry"
        in ended.stderr.splitlines()
    )
