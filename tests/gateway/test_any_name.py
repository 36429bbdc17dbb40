"""Models of whatever names MLflow takes, served by one gateway on a real registry."""

from collections.abc import Iterator

import pytest
from mlflow import MlflowClient

from inference.ids import model_of
from testkit.registry_copies import register_like
from testkit.servers import MlflowServer, Valkey
from testkit.stack import Stack
from tests.gateway.support import GatewayClient, register

NAMES = {
    "any_name": "any-name",
    "MyModel": "mymodel",
    "my model": "my-model",
    "été": "ete",
    "a.b": "a-b",
    "x@y": "x-y",
    "a=b": "a-b-too",
    "50% + more? #&;": "50-more",
    "one, two": "one-two",
    "模型": "chinese",
    "v" * 256: "v" * 40,
}
"""And the pools that serve them; two are told, the others derived."""

GIVEN = ("a=b", "模型")


@pytest.fixture(scope="module")
def stack(
    mlflow_server: MlflowServer, valkey_server: Valkey, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stack]:
    """One gateway that serves a version of the same model under each of the names."""
    first, *others = NAMES
    register(mlflow_server.url, first)
    client = MlflowClient(mlflow_server.url, mlflow_server.url)
    for name in others:
        register_like(client, name, first)
    uris = [
        f"{NAMES[name] + '=' if name in GIVEN else ''}models:/{name}@production" for name in NAMES
    ]
    stack = Stack(tmp_path_factory.mktemp("names"), valkey_server, mlflow_server.url, first)
    stack.add_gateway(MODEL_URIS=",".join(uris))
    yield stack
    stack.stop()
    valkey_server.flush()


@pytest.mark.parametrize("name", NAMES)
def test_a_model_of_any_name_is_served_under_its_pool_s(stack: Stack, name: str) -> None:
    with GatewayClient(stack) as site:
        assert site.get("/readyz").json()["models"][NAMES[name]] == {"version": "1", "workers": 0}
        for asked in (name, f"{name}@production", NAMES[name]):
            assert model_of(site.submit(model=asked)) == NAMES[name]
        told = site.get("/predict/model/info", params={"model": name}).json()
    assert (told["name"], told["registered_name"]) == (NAMES[name], name)


def test_the_names_that_were_derived_are_logged(stack: Stack) -> None:
    said = {row["pool"]: row["uri"] for row in stack.gateways[0].events("pool.named")}
    assert said == {NAMES[name]: f"models:/{name}@production" for name in NAMES}
