"""Tests which version an alias means, and the error when there is none to serve.

The registry can't tell the version, or the worker can't serve it.
"""

import subprocess
import sys
import time

import pytest

from inference.errors import Misconfigured
from testkit.servers import free_port
from tests.models.conftest import REPOSITORY
from worker.models.cache import Resolved
from worker.models.loader import load, resolve

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


def test_a_pickle_is_refused(registry: str) -> None:
    with pytest.raises(
        Misconfigured, match=r"models:/pickled/1 can't be loaded by this worker: .*pickle"
    ):
        load(resolve("models:/pickled/1", registry), registry)


def test_an_operator_may_allow_pickles(registry: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_ALLOW_PICKLE_DESERIALIZATION", "true")
    monkeypatch.syspath_prepend(REPOSITORY)
    model = load(resolve("models:/pickled/1", registry), registry)
    assert model.predict([{"features": {"picture": [[1, 2], [3, 4]], "factor": 2}}])[0]["sum"] == 20


WITHOUT_TORCH = """
import sys
sys.modules["torch"] = None
from inference.errors import Misconfigured
from worker.models.loader import load, resolve
print(load(resolve("models:/shop/1", sys.argv[1]), sys.argv[1])\
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
