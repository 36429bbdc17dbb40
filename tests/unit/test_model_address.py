"""Which names and addresses of models are taken, and how their pools are called."""

import pytest

from app.pool_names import PoolNames
from app.settings import GatewaySettings
from inference.errors import Misconfigured
from inference.models.model_address import ModelAddress, derived_pool, pool_of
from inference.settings import read_settings
from worker.settings import WorkerSettings

NAMES = {
    "churn": "churn",
    "match-outcome": "match-outcome",
    "a--b": "a--b",
    "fraud_detection": "fraud-detection",
    "MyModel": "mymodel",
    "my model": "my-model",
    "été": "ete",
    "Größe": "gro-e",
    "a.b": "a-b",
    ".hidden": "hidden",
    "x@y": "x-y",
    "a=b": "a-b",
    "50% + more?": "50-more",
    "one, two": "one-two",
    "v" * 256: "v" * 40,
    "a" * 39 + "_b": "a" * 39,
}
"""What MLflow takes as names, and the pools that are made of them."""


@pytest.mark.parametrize(("name", "pool"), NAMES.items())
def test_a_model_of_any_name_has_a_pool_that_gateway_and_worker_call_alike(
    name: str, pool: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for which, address in (
        ("@production", ModelAddress(name, alias="production")),
        ("/12", ModelAddress(name, version="12")),
    ):
        uri = f"models:/{name}{which}"
        assert ModelAddress.read(uri) == address
        monkeypatch.setenv("MODEL_URI", uri)
        worker = read_settings(WorkerSettings)
        monkeypatch.setenv("MODEL_URIS", f"models:/other@x, {uri} ,named=models:/{name}@x,")
        gateway = read_settings(GatewaySettings)
        assert (worker.model, worker.model_name) == (pool, name)
        assert gateway.pools == {
            "other": "models:/other@x",
            pool: uri,
            "named": f"models:/{name}@x",
        }


@pytest.mark.parametrize(
    "uri",
    [
        "",
        "churn",
        "runs:/x",
        "models:/churn",
        "models:/churn@",
        "models:/churn/",
        "models:/@production",
        "models:/ @production",
        "models:/a:b@production",
        "models:/a/b/1",
        "models:/..@production",
        "models:/.@production",
        f"models:/{'v' * 257}@production",
        "models:/churn/Production",
        "models:/churn/0",
        "models:/churn/latest",
        "models:/churn@pro duction",
        "models:/churn@a.b",
        "xmodels:/churn@production",
    ],
)
def test_what_mlflow_takes_for_no_model_is_refused_in_a_sentence(
    uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ValueError, match="is not a model: it must read models:/name@alias or"):
        ModelAddress.read(uri)
    if uri:
        monkeypatch.setenv("MODEL_URI", uri)
        with pytest.raises(Misconfigured, match=r"^MODEL_URI: "):
            read_settings(WorkerSettings)


def test_a_worker_takes_an_entry_of_the_gateway_s(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODEL_URI", "fraud = models:/Fraud=1@production")
    worker = read_settings(WorkerSettings)
    assert (worker.model, worker.model_uri) == ("fraud", "models:/Fraud=1@production")
    assert pool_of("fraud = models:/Fraud=1@production") == ("fraud", worker.model_uri)
    monkeypatch.setenv("POOL", "other")
    with pytest.raises(
        Misconfigured, match="MODEL_URI names the pool fraud, and POOL the pool other"
    ):
        read_settings(WorkerSettings)


def test_a_name_that_leaves_nothing_for_a_pool_needs_one_given(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with pytest.raises(ValueError, match="no name of a pool can be made of '模型': give one"):
        derived_pool("模型")
    for name, value, kind in (
        ("MODEL_URI", "models:/模型@production", WorkerSettings),
        ("MODEL_URIS", "models:/模型@production", GatewaySettings),
    ):
        monkeypatch.setenv(name, value)
        with pytest.raises(Misconfigured, match=f"{name}: no name of a pool can be made of"):
            read_settings(kind)
    monkeypatch.setenv("POOL", "chinese")
    assert read_settings(WorkerSettings).model == "chinese"


def test_two_models_whose_pools_would_be_one_are_named_in_a_sentence(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MODEL_URIS", "models:/my_model@live,models:/My Model@live")
    with pytest.raises(
        Misconfigured,
        match="two pools named my-model, for models:/my_model@live and for models:/My Model@live:"
        " give one another name, as in my-model-next=models:/My Model@live",
    ):
        read_settings(GatewaySettings)


def test_a_request_names_a_pool_a_model_or_an_address() -> None:
    names = PoolNames(
        {
            "my-model": "models:/My_Model@live",
            "canary": "models:/My_Model@canary",
            "fraud": "models:/Fraud@live",
            "one": "models:/Twice@live",
            "two": "models:/Twice/2",
            "fraud-live": "models:/fraud@live",
        }
    )
    asked = {
        "my-model": "my-model",
        "My_Model": "my-model",
        "My_Model@canary": "canary",
        "Fraud": "fraud",
        "fraud": "fraud",
        "Twice": "",
        "Twice/2": "two",
        "fraud@live": "fraud-live",
        "models:/Twice/2": "",
    }
    assert {name: names.pool_of(name) for name in asked} == asked
    assert (names.pool_of(None), names.pool_of(["fraud"])) == ("", "")
    assert all(names.pool_of(name) for name in names.all)
    assert names.all[:4] == ["my-model", "My_Model", "My_Model@live", "canary"]
