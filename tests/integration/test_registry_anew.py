"""A model is deleted and registered again while it is served: version 1 is another one then.

Nothing is restarted. A registry that was restored from a backup looks the same to a worker.
"""

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from mlflow import MlflowClient

from testkit.preloaded import completed
from testkit.register import FAULT
from testkit.servers import MlflowServer, Valkey
from testkit.stack import Client, Stack
from testkit.waiting import until
from tests.integration.conftest import stop

NAME, URI = "Begun anew", "models:/Begun anew/1"
ANEW = """
import mlflow


class Anew(mlflow.pyfunc.PythonModel):
    def predict(self, context, model_input, params=None):
        return ["anew"] * len(model_input)


mlflow.models.set_model(Anew())
"""


def register(url: str, code: Path) -> None:
    done = completed("testkit.register", url, NAME, str(code), env={})
    assert done.returncode == 0, done.stderr


@pytest.fixture
def stack(mlflow_server: MlflowServer, tmp_path: Path) -> Iterator[Stack]:
    """A gateway and a worker of a version that its address names for good."""
    register(mlflow_server.url, FAULT)
    valkey = Valkey(tmp_path / "valkey")
    valkey.start()
    env = {
        "MODEL_URI": URI,
        "MODEL_URIS": URI,
        "MODEL_CACHE_DIR": str(tmp_path / "cache"),
        "MODEL_REFRESH_S": "0.5",
        "REGISTRY_REFRESH_S": "0.5",
    }
    stack = Stack(tmp_path, valkey, mlflow_server.url, NAME, env)
    stack.add_worker(wait=False)
    stack.add_gateway()
    stack.wait_for(stack.workers[0])
    yield stack
    stop(stack)


def answer(client: Client, **body: Any) -> Any:
    return client.ended(client.submit({"do": "answer", "value": 1}, **body), 120)["result"]


def is_anew(client: Client) -> bool:
    """Whether a request whose result was shared before gets the new model's."""
    return bool(answer(client, match_id=7) == "anew")


def test_a_model_that_is_registered_anew_is_served_although_its_version_is_1_again(
    stack: Stack, tmp_path: Path
) -> None:
    worker, client = stack.workers[0], stack.client()
    pid, before = worker.pid, client.get("/predict/model/info").json()
    first = answer(client, match_id=7)
    assert first != "anew"
    code = tmp_path / "anew.py"
    code.write_text(ANEW)
    MlflowClient(stack.mlflow_url, stack.mlflow_url).delete_registered_model(NAME)
    problem = until(
        lambda: client.get("/readyz").json()["models"]["begun-anew"].get("problem"),
        "the gateway to miss the model",
    )
    assert f"has no {URI}" in problem
    assert answer(client) == first, "what was loaded goes on being served"
    register(stack.mlflow_url, code)
    until(partial(is_anew, client), "the new version 1 to answer", 120)
    after = client.get("/predict/model/info").json()
    assert (before["version"], after["version"]) == ("1", "1")
    assert before["run_id"] != after["run_id"]
    assert "problem" not in client.get("/readyz").json()["models"]["begun-anew"]
    assert (worker.pid, worker.died()) == (pid, False)
