"""Sends some models' inputs through running processes: a gateway, a worker, Valkey, MLflow.

What they say must be what the short way said (`service`), so that the table holds for both.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from testkit.conformance.comparing import Outcome, shown
from testkit.conformance.models import BY_NAME
from testkit.conformance.reference import ANSWER, Answer
from testkit.conformance.service import AGAIN, AT_THE_DOOR
from testkit.servers import MlflowServer, Valkey
from testkit.stack import Client, Stack

NAMES = ("sk-mixed", "py-params", "py-types", "torch-named")
"""Models with columns, parameters, dates and tensors, whose packages every worker has."""
TRUST = {"MODEL_CODE": "allow", "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "true"}


def checked(outcomes: Sequence[Outcome], folder: Path) -> list[str]:
    """A line for each of the models that are served, on the registry in `folder`."""
    mine = [one for one in outcomes if one.name in NAMES and not one.not_served]
    server, valkey = MlflowServer(folder), Valkey(folder / "valkey")
    server.start()
    valkey.start()
    try:
        return [_line(outcome, folder, server.url, valkey) for outcome in mine]
    finally:
        server.stop()
        valkey.stop()


def _line(outcome: Outcome, folder: Path, mlflow_url: str, valkey: Valkey) -> str:
    uri = f"models:/{outcome.name}/1"
    own = folder / f"stack-{outcome.name}"
    own.mkdir()
    env = TRUST | {"MODEL_URIS": uri, "MODEL_URI": uri, "RETRY_BASE_S": "0.1", "RETRY_CAP_S": "0.5"}
    stack = Stack(own, valkey, mlflow_url, outcome.name, env)
    try:
        stack.add_gateway()
        stack.add_worker()
        client = stack.client()
        inputs = zip(BY_NAME[outcome.name].inputs, outcome.verdicts, strict=True)
        wrong = [
            one.label
            for one, verdict in inputs
            if _said(client, one.body()) != _expected(verdict.ours)
        ]
    finally:
        stack.stop()
    rest = f"DIFFERENT for {', '.join(wrong)}" if wrong else "the same"
    return f"{outcome.name}, {len(outcome.verdicts)} inputs: {rest}"


def _expected(ours: Any) -> Any:
    """How often a failure was tried is no part of what a caller is told."""
    return ours.removesuffix(AGAIN) if isinstance(ours, str) else ours


def _said(client: Client, body: bytes) -> Any:
    response = client.send("/predict/async/", body)
    if response.status_code == 422:
        problem = response.json()
        errors = [[one["field"], one["message"]] for one in problem.get("errors", [])]
        # With errors the detail is a summary of them.
        return shown(Answer(AT_THE_DOOR, errors, "" if errors else problem["detail"]))
    assert response.status_code == 202, response.text
    record = client.ended(response.json()["task_id"])
    if record["status"] == "success":
        return shown(Answer(ANSWER, record["result"]))
    error = record["error"]
    return shown(Answer(error["type"], words=error["message"]))
