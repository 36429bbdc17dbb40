"""Tests which version an alias means, and the error when there is none to serve.

The registry can't tell the version, or the worker can't serve it.
"""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from inference.errors import Misconfigured
from testkit.servers import free_port
from tests.models.conftest import REPOSITORY
from worker.child import model_loader
from worker.child_status import HeldVersion
from worker.models.cache import ModelCache, Resolved
from worker.models.loader import load, resolve
from worker.settings import WorkerSettings

pytestmark = pytest.mark.filterwarnings("ignore:.*Any type hint is inferred as AnyType:UserWarning")


def test_an_alias_is_resolved_to_its_version(registry: str) -> None:
    assert resolve("models:/match-outcome@production", registry) == Resolved(
        "match-outcome", "1", "models:/match-outcome/1"
    )
    assert resolve("models:/match-outcome/1", registry).version == "1"


@pytest.mark.parametrize(
    "uri",
    ["models:/match-outcome@nobody", "models:/match-outcome/77", "models:/nothing@production"],
)
def test_what_the_registry_does_not_have_is_said_in_a_sentence(registry: str, uri: str) -> None:
    with pytest.raises(Misconfigured, match=f"has no {uri}"):
        resolve(uri, registry)


def test_what_is_not_a_model_is_said_without_asking() -> None:
    with pytest.raises(Misconfigured, match="is not a model"):
        resolve("s3://bucket/model", "http://127.0.0.1:1")


def test_a_registry_that_is_away_is_said_within_bounded_time() -> None:
    address = f"http://127.0.0.1:{free_port()}"
    started = time.monotonic()
    with pytest.raises(Misconfigured, match=f"registry at {address} does not answer"):
        resolve("models:/match-outcome@production", address)
    assert time.monotonic() - started < 20


def test_a_version_that_went_away_is_said_in_a_sentence(registry: str) -> None:
    with pytest.raises(Misconfigured, match="models:/scale/9 can't be downloaded"):
        load(Resolved("scale", "9", "models:/scale/9"), registry)


def test_a_pinned_version_that_the_registry_has_no_more_is_left_for_what_the_address_means(
    registry: str, tmp_path: Path
) -> None:
    """Another one by its number is as good as none, unless a copy of the pinned one is kept."""
    settings = WorkerSettings(model_uri="models:/shop/1", mlflow_tracking_uri=registry)
    now, cache = resolve("models:/shop/1", registry), ModelCache(str(tmp_path))
    gone = HeldVersion("1", "0" * 12)
    for pinned in (HeldVersion("1", now.identity), HeldVersion("1"), gone, HeldVersion("77", "7")):
        found = model_loader.resolve(settings, cache, pinned)
        assert (found.version, found.identity) == ("1", now.identity)
    (tmp_path / "shop" / f"1-{gone.identity}").mkdir()
    assert model_loader.resolve(settings, cache, gone).identity == gone.identity


@pytest.mark.parametrize(
    ("name", "code"),
    [("pickled", "the pickle model.pth"), ("shop", "the Python file shop_model.py")],
)
def test_a_model_that_brings_code_is_refused_whatever_mlflow_is_told(
    registry: str, name: str, code: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_ALLOW_PICKLE_DESERIALIZATION", "true")
    refused = f"models:/{name}/1 can't be served: it holds code, or may: {code}"
    with pytest.raises(Misconfigured, match=refused):
        load(resolve(f"models:/{name}/1", registry), registry, model_code="refuse")


def test_an_operator_may_allow_pickles(registry: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_ALLOW_PICKLE_DESERIALIZATION", "false")
    monkeypatch.syspath_prepend(REPOSITORY)
    model = load(resolve("models:/pickled/1", registry), registry, model_code="allow")
    assert os.environ["MLFLOW_ALLOW_PICKLE_DESERIALIZATION"] == "false"
    assert model.predict([{"features": {"picture": [[1, 2], [3, 4]], "factor": 2}}])[0]["sum"] == 20


WITHOUT_TORCH = """
import sys
sys.modules["torch"] = None
from inference.errors import Misconfigured
from worker.models.loader import load, resolve
print(load(resolve("models:/shop/1", sys.argv[1]), sys.argv[1], model_code="allow")\
.predict([{"features": {"item": "tea", "price": 2.0}}]))
try:
    load(resolve("models:/scale/1", sys.argv[1]), sys.argv[1])
except Misconfigured as error:
    print(error)
"""


def test_a_worker_without_torch_serves_all_but_models_of_torch_and_says_so_of_those(
    registry: str,
) -> None:
    command = [sys.executable, "-W", "ignore", "-c", WITHOUT_TORCH, registry]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    served, refused = done.stdout.splitlines()
    assert "tea" in served
    assert refused.startswith("models:/scale/1 can't be loaded by this worker: ")
    assert "torch" in refused
