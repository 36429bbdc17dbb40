"""The parts that the gateway's tests share.

They are a model without weights, a client for two gateways, and a worker that does as it is told.
"""

import json
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, Self

import httpx2

from inference.ids import new_claim_id
from inference.redis_access.address import parse
from inference.redis_access.clients import blocking_client
from inference.store.messages import (
    ClaimedRecord,
    ClaimRequest,
    HeartbeatRequest,
    Outcome,
    OutcomeKind,
    WorkerState,
)
from inference.store.redis import RedisWorkerStore
from inference.store.redis.commands import Commands
from testkit.preloaded import completed
from testkit.stack import KEPT_ALIVE, Stack
from testkit.waiting import until

MODEL = "rain"
GOOD = {"pressure": 1013.25, "days": 3}


def register(url: str, name: str = MODEL, more: str = "", **metadata: Any) -> str:
    """Registers a version, moves the alias `production` to it and returns it.

    The version may have one more column, or be one of an image. MLflow warns a lot, so a process of
    its own registers it.
    """
    done = completed(
        *("tests.gateway.registering", url, name, json.dumps(metadata), more),
        env={"MLFLOW_TRACKING_URI": url, "PYTHONWARNINGS": "ignore"},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split()[-1]


def problem(answer: httpx2.Response, status: int) -> dict[str, Any]:
    """The body of an answer that must be a problem of that status."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["x-request-id"]
    body = dict(answer.json())
    assert body["status"] == status
    assert all(body[member] for member in ("type", "title", "detail", "instance"))
    return body


class GatewayClient:
    """A client that goes to one gateway after the other, and can call from threads."""

    def __init__(self, stack: Stack) -> None:
        self.urls = [gateway.url for gateway in stack.gateways]
        self.stack = stack
        self._calls = 0
        self._lock = threading.Lock()
        self._http = httpx2.Client(timeout=60, verify=False, limits=KEPT_ALIVE)
        self._pool = ThreadPoolExecutor(32)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown()
        self._http.close()

    def _url(self, path: str) -> str:
        with self._lock:
            self._calls += 1
            return self.urls[self._calls % len(self.urls)] + path

    def call(self, method: str, path: str, **options: Any) -> httpx2.Response:
        return self._http.request(method, self._url(path), **options)

    def get(self, path: str, **options: Any) -> httpx2.Response:
        return self.call("GET", path, **options)

    def post(self, path: str, body: Any, **headers: str) -> httpx2.Response:
        """Posts JSON; header names are written with underscores."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.call("POST", path, json=body, headers=named)

    def predict(self, **headers: str) -> httpx2.Response:
        return self.post("/predict/", {"features": GOOD}, **headers)

    def submit(self, **body: Any) -> str:
        answer = self.post("/predict/async/", {"features": GOOD} | body)
        assert answer.status_code == 202, answer.text
        return str(answer.json()["task_id"])

    def outstanding(self) -> int:
        return int(self.get("/monitoring/queues").json()["queues"][0]["outstanding"])

    def status(self, task_id: str, wait: float = 0) -> dict[str, Any]:
        return dict(self.get(f"/monitoring/task_status/{task_id}?wait={wait:g}").json())

    def later(
        self, call: Callable[..., httpx2.Response], *args: Any, **options: Any
    ) -> "Future[httpx2.Response]":
        """Calls on a thread."""
        return self._pool.submit(call, *args, **options)

    def metric(self, sample: str) -> float:
        """The sum of a sample over the gateways; it must exist in each."""
        total = 0.0
        for url in self.urls:
            lines = self._http.get(f"{url}/metrics").text.splitlines()
            total += next(
                float(line.rpartition(" ")[2]) for line in lines if line.startswith(sample + " ")
            )
        return total


HTTP = httpx2.Client(timeout=60, verify=False, limits=KEPT_ALIVE)
"""One client for calls to a gateway of the test's own.

A new one for each call costs 50 ms of certificates.
"""


class FakeWorker:
    """A worker on the worker's store, one claim at a time."""

    def __init__(self, url: str, model: str = MODEL) -> None:
        address = parse("STORE_URL", url)
        self._client = blocking_client(address, 5)
        self.store = RedisWorkerStore(self._client, address, Commands())
        self.model = model
        self.claim_id = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def beat(self, state: WorkerState, version: str = "1", identity: str = "") -> None:
        """A worker of an older release tells no identity."""
        self.store.heartbeat(
            HeartbeatRequest(self.model, "driver", state, version, 8, identity=identity)
        )

    def claim(self, rows: int = 1) -> tuple[ClaimedRecord, ...]:
        """Claims and begins what waits, once something does."""

        def granted() -> tuple[ClaimedRecord, ...]:
            self.claim_id = new_claim_id()
            return self.store.claim(ClaimRequest(self.model, self.claim_id, "driver", rows)).records

        records = until(granted, "something to claim")
        self.store.begin(self.model, self.claim_id, [r.task_id for r in records])
        return records

    def settle(self, task_id: str, verb: OutcomeKind, payload: Any, version: str = "1") -> str:
        outcome = Outcome(task_id, verb, json.dumps(payload).encode(), run_ms=7)
        return self.store.settle(self.model, self.claim_id, [outcome], version).words[task_id]

    def finish(self, task_id: str) -> None:
        """Ends one of the records claimed last well."""
        assert self.settle(task_id, OutcomeKind.FINISH, 0.5) == "success"

    def finish_all(self, records: Sequence[ClaimedRecord]) -> None:
        """Ends all that was claimed last well, in one step: nothing renews the lease."""
        ends = [Outcome(each.task_id, OutcomeKind.FINISH, b"0.5", run_ms=7) for each in records]
        words = self.store.settle(self.model, self.claim_id, ends, "1").words
        assert set(words.values()) == {"success"}

    def run(self, result: Any = 0.5, version: str = "1") -> str:
        """Runs the next record and returns its id."""
        (record,) = self.claim()
        assert self.settle(record.task_id, OutcomeKind.FINISH, result, version) == "success"
        return record.task_id

    def fail(self, error_type: str = "model_error") -> str:
        """Fails the next record for good and returns its id."""
        (record,) = self.claim()
        error = {"type": error_type, "message": "as the test wants"}
        assert self.settle(record.task_id, OutcomeKind.FAIL_FOR_GOOD, error) == "failure"
        return record.task_id


@contextmanager
def gateway_environment(stack: Stack, **extra: str) -> Iterator[dict[str, str]]:
    """The whole environment that a gateway of this stack gets.

    It is for a gateway that is expected not to start.
    """
    uri = f"models:/{stack.model}@production"
    yield (
        os.environ
        | {
            "STORE_URL": stack.valkey.url(0),
            "BROKER_URL": stack.valkey.url(1),
            "MLFLOW_TRACKING_URI": stack.mlflow_url,
            "MODEL_URIS": uri,
        }
        | extra
    )
