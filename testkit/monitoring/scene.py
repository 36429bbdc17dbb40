"""A service that a Prometheus reads every second, under load and while things go wrong.

Two gateways show whether a number of the store's is counted once a replica.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from itertools import count
from pathlib import Path
from typing import Any

import httpx2
import redis

from inference.broker.celery_config import queue_name
from testkit.monitoring import foreign_metrics
from testkit.monitoring.load import Callers, SlowCallers
from testkit.monitoring.prometheus import Prometheus, Target
from testkit.scraping import scrape
from testkit.servers import Valkey
from testkit.stack import Client, Process, Stack
from testkit.waiting import until

NAMESPACE, MODEL = "predictions", "monitored"
CANARY = f"{MODEL}-canary"
"""A pool without a worker, so that each call drawn for it goes to MODEL."""
SYNC_SLO_S = 2.0
PATIENCE_S = 60.0
"""How long a part of the scene may take on cores that others use too."""

SEEN_AT_LAST = (
    "sum(prediction_reclaims_total) > 0",
    'sum(worker_child_restarts_total{cause="died"}) > 0',
    'sum(prediction_timeouts_total{reason="wait"}) > 0',
    'ALERTS{alertname="InferenceDeadLettersGrow", alertstate="firing"}',
    'ALERTS{alertname="InferenceSyncBudgetBurnsFast", alertstate="firing"}',
)
"""What comes of the load, and of what was done, sooner or later."""

SETTINGS = {
    "MODEL_URIS": f"models:/{MODEL}@production,{CANARY}=models:/{MODEL}/1",
    "CANARIES": f"{CANARY}={MODEL}:10",
    "LEASE_S": "6",
    "REAPER_PERIOD_S": "0.5",
    "MAX_ATTEMPTS": "2",
    "RETRY_BASE_S": "0.2",
    "SYNC_SLO_S": str(SYNC_SLO_S),
    "BACKLOG_MAX_RECORDS": "80",
    "PAYLOAD_SWEEP_S": "2",
}


@dataclass
class Scene:
    """What runs, and when Prometheus saw it first."""

    stack: Stack
    prometheus: Prometheus
    began: float

    def sees(self, expr: str) -> None:
        """Waits until Prometheus has an expression's series."""
        until(lambda: self.prometheus.query(expr), f"Prometheus to see {expr}", PATIENCE_S, 0.2)

    def expositions(self) -> dict[str, str]:
        """What each process answers at `/metrics` now."""
        return {
            process.name: httpx2.get(f"{process.url}/metrics", timeout=10, verify=False).text
            for process in (*self.stack.gateways, *self.stack.workers)
        }


@contextmanager
def watched(
    folder: Path, mlflow_url: str, groups: list[dict[str, Any]], seconds: float
) -> Iterator[Scene]:
    """Yields a scene that was loaded, and struck, for some seconds; it still runs."""
    store, broker = (Valkey(folder / name) for name in ("store", "broker"))
    for server in (store, broker):
        server.start()
    payloads = folder / "payloads"
    payloads.mkdir()
    own = {"PAYLOAD_URL": payloads.as_uri(), "BROKER_URL": broker.url()}
    stack = Stack(folder, store, mlflow_url, MODEL, SETTINGS | own)
    try:
        with foreign_metrics.served() as others:
            scene = _started(folder, stack, others, groups)
            try:
                _play(scene, store, broker, seconds)
                yield scene
            finally:
                scene.prometheus.stop()
    finally:
        stack.stop()
        for server in (store, broker):
            server.stop()


def _started(folder: Path, stack: Stack, others: str, groups: list[dict[str, Any]]) -> Scene:
    """A prediction waits before the first worker starts, which so pays a cold start."""
    for _ in range(2):
        stack.start_gateway()
    for gateway in stack.gateways:
        stack.wait_for(gateway)
    caller = stack.client()
    caller.submit({"do": "answer"})
    # The age of a process is known to a tick, 10 ms, and a forked one is there as soon.
    until(lambda: caller.queue()["oldest_waiting_s"] > 0.1, "it to have waited")
    for _ in range(2):
        stack.add_worker(wait=False)
    targets = [
        *(_target(gateway, "inference-api", "api") for gateway in stack.gateways),
        *(_target(worker, "inference-worker", "worker") for worker in stack.workers),
        Target("gpu", others, _of("gpu", pod="inference-worker-gpu", container="worker")),
        Target("keda", others, {"__metrics_path__": "/keda", "namespace": "keda"}),
        Target("kube-state-metrics", others, {"__metrics_path__": "/kube-state-metrics"}),
    ]
    prometheus = Prometheus(folder / "prometheus", targets, groups)
    prometheus.start()
    began = time.time()
    for worker in stack.workers:
        stack.wait_for(worker)
    return Scene(stack, prometheus, began)


def _of(path: str, **labels: str) -> dict[str, str]:
    return {"__metrics_path__": f"/{path}", "namespace": NAMESPACE} | labels


def _target(process: Process, start: str, container: str) -> Target:
    """A process with the labels that a pod has."""
    labels = _of("metrics", pod=f"{start}-{process.name}", container=container)
    return Target(start, process.url.removeprefix("http://"), labels)


def _play(scene: Scene, store: Valkey, broker: Valkey, seconds: float) -> None:
    """Loads the service for some seconds at least, and until Prometheus saw each thing go wrong.

    A message is no ticket, a worker is killed while it runs something, the broker is away, then the
    store, and an input ends the model's process.
    """
    end = time.monotonic() + seconds
    clients = [scene.stack.client() for _ in range(4)]
    slow = SlowCallers(clients[0], SYNC_SLO_S + 0.5)
    with Callers(clients[1]), Callers(clients[2]), slow:
        _send_junk(broker)
        scene.sees("sum(worker_tickets_dropped_total) > 0")
        victim = _without_a_cold_start(scene.stack)
        _kill_while_it_runs(victim, clients[3])
        victim.start()
        with _away(broker):
            scene.sees('ALERTS{alertname="InferenceBrokerAway"}')
        with _away(store):
            scene.sees('ALERTS{alertname="InferenceStoreAway"}')
        until(lambda: _taken(clients[3], do="exit"), "an input that ends a process to be taken")
        for expr in SEEN_AT_LAST:
            scene.sees(expr)
        until(lambda: time.monotonic() > end, "the end of the load", seconds + 30, 0.1)


def _taken(client: Client, **features: Any) -> bool:
    return client.post("/predict/async/", {"features": features}).status_code == 202


def _without_a_cold_start(stack: Stack) -> Process:
    """The worker that has none to tell of: what a process counted ends with it."""
    counted = f'worker_cold_start_seconds_count{{model="{MODEL}"}}'

    def with_one() -> list[Process]:
        return [each for each in stack.workers if scrape(each.url)[counted]]

    told = until(with_one, "a cold start to be told", PATIENCE_S, 0.2)
    without = [each for each in stack.workers if each not in told]
    return (without or stack.workers)[-1]


def _kill_while_it_runs(worker: Process, client: Client) -> None:
    """Its lease runs out, and the reaper takes its predictions back.

    Its log says what it began; a heartbeat is a second old. A run that has gone on for half a
    second is one of the slow callers', or ours if theirs are refused, and goes on for another
    second at least.
    """
    looks = count()

    def runs() -> bool:
        if next(looks) % 25 == 0:
            _taken(client, do="answer", seconds=SYNC_SLO_S + 0.5)
        for event in worker.events("prediction.began")[-5:]:
            age_s = time.time() - datetime.fromisoformat(event["timestamp"]).timestamp()
            if 0.5 < age_s < 1.5 and any(map(started, event["task_ids"])):
                return True
        return False

    def started(task_id: str) -> bool:
        return bool(client.status(task_id)["status"] == "started")

    until(runs, "the worker to run something long", PATIENCE_S, 0.2)
    worker.kill()


def _send_junk(broker: Valkey) -> None:
    """A message that is no ticket, the next one to be taken."""
    with redis.Redis.from_url(broker.url()) as client:
        client.rpush(queue_name("inference", MODEL), b"nobody's ticket")


@contextmanager
def _away(server: Valkey) -> Iterator[None]:
    """Kills a server; it comes back as it was."""
    server.kill()
    yield
    server.start()
