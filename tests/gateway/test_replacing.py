"""Gateways are replaced one after the other under load, and no caller notices.

The front is what a Service is to its callers: it names a gateway for each new connection, and
leaves the connections alone that there are. A gateway leaves it just before it is told to end.
"""

import http.client
import itertools
import json
import signal
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from inference.ids import new_claim_id
from inference.store.messages import ClaimRequest, WorkerState
from testkit.stack import Process, Stack
from testkit.waiting import until
from tests.gateway.support import GOOD, MODEL, FakeWorker

REPLACEMENTS, LEAST_CALLS, CALLERS = 10, 10_000, 6
HEADERS = {"content-type": "application/json"}


class Front:
    """Names one gateway after the other."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._turn = itertools.count()
        self.gateways: list[Process] = []

    def address(self) -> str:
        with self._lock:
            gateway = self.gateways[next(self._turn) % len(self.gateways)]
            return urlsplit(gateway.url).netloc

    def replace(self, new: Process) -> Process:
        """Puts a gateway in and takes the oldest out."""
        with self._lock:
            self.gateways.append(new)
            return self.gateways.pop(0)


@dataclass
class Caller:
    """One caller with one connection at a time, which it keeps until the gateway closes it."""

    front: Front
    answers: Counter[str] = field(default_factory=Counter)
    connections: int = 0
    failed: list[str] = field(default_factory=list)
    _connection: http.client.HTTPConnection | None = None

    def call(self, method: str, path: str, body: object = None) -> dict[str, object]:
        if self._connection is None:
            self._connection = http.client.HTTPConnection(self.front.address(), timeout=60)
            self.connections += 1
        sent = None if body is None else json.dumps(body)
        try:
            self._connection.request(method, path, sent, HEADERS)
            response = self._connection.getresponse()
            answer = json.loads(response.read())
            if response.status >= 400:
                self.failed.append(f"{method} {path}: {response.status} {answer}")
            self.answers[f"{method} {response.status}"] += 1
            if response.will_close:
                self.leave()
            return dict(answer)
        except (OSError, http.client.HTTPException) as error:
            self.failed.append(f"{method} {path}: {type(error).__name__} {error}")
            self.leave()
            return {}

    def leave(self) -> None:
        """Closes the connection; the next call makes another."""
        if self._connection is not None:
            self._connection.close()
        self._connection = None

    def calls(self, end: threading.Event) -> None:
        """Submits, looks, and waits for a result, again and again."""
        while not end.is_set():
            task_id = self.call("POST", "/predict/async/", {"features": GOOD}).get("task_id")
            for _ in range(3):
                if task_id:
                    self.call("GET", f"/monitoring/task_status/{task_id}")
            self.call("POST", "/predict/", {"features": GOOD})
        self.leave()


@contextmanager
def working(url: str) -> Iterator[None]:
    """A worker that ends whatever waits."""
    end = threading.Event()

    def work() -> None:
        with FakeWorker(url) as worker:
            while not end.is_set():
                worker.beat(WorkerState.IDLE)
                worker.claim_id = new_claim_id()
                records = worker.store.claim(
                    ClaimRequest(MODEL, worker.claim_id, "driver", 8)
                ).records
                worker.store.begin(MODEL, worker.claim_id, [each.task_id for each in records])
                if records:
                    worker.finish_all(records)
                end.wait(0 if records else 0.002)

    with ThreadPoolExecutor(1) as pool:
        done = pool.submit(work)
        try:
            yield
        finally:
            end.set()
            done.result()


def test_no_call_fails_while_gateways_are_replaced_ten_times(own_stack: Stack) -> None:
    front, end = Front(), threading.Event()
    front.gateways = [own_stack.add_gateway() for _ in range(2)]
    callers = [Caller(front) for _ in range(CALLERS)]

    def made() -> int:
        return sum(caller.answers.total() for caller in callers)

    gone: list[Process] = []
    with working(own_stack.valkey.url()), ThreadPoolExecutor(CALLERS) as pool:
        running = [pool.submit(caller.calls, end) for caller in callers]
        try:
            for _ in range(REPLACEMENTS):
                gone.append(front.replace(own_stack.add_gateway()))
                gone[-1].signal(signal.SIGTERM)
                until(gone[-1].died, "the old gateway to end", 30)
            until(lambda: made() >= LEAST_CALLS or any(c.failed for c in callers), "calls", 120)
        finally:
            end.set()
        for each in running:
            each.result()
    assert [failure for caller in callers for failure in caller.failed] == []
    assert made() >= LEAST_CALLS
    assert {gateway.wait() for gateway in gone} <= {0, -signal.SIGTERM}
    assert sum(caller.connections for caller in callers) > CALLERS + REPLACEMENTS
