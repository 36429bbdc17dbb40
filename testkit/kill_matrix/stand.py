"""One service as processes, and the stand that starts again those that died.

It has two gateways, two workers, and a store and a broker apart.
"""

import os
import signal
import time
from collections import Counter
from pathlib import Path
from threading import Event, Thread
from typing import Any

import httpx2
import orjson
import redis

from inference.blobs.blob_names import result_reference
from inference.blobs.blob_store import Folder, content
from inference.broker.celery_config import queue_name
from testkit.brokers import Broker, new_broker
from testkit.failpoint_hook import Gaps, Role, environment
from testkit.servers import Valkey
from testkit.stack import Process, Stack
from testkit.waiting import until

LEASE_S = 8.0
SLOW_S, DRAIN_S = 5.0, 1.0
KEYS = "{inference:fault}"
QUEUE = queue_name("inference", "fault")
SETTINGS = {
    "LEASE_S": f"{LEASE_S:g}",
    "REAPER_PERIOD_S": "1",
    "RETRY_BASE_S": "0.1",
    "RETRY_CAP_S": "1",
    "MAX_ATTEMPTS": "3",
    "RUN_LIMIT_S": "60",
    "DRAIN_TIMEOUT_S": f"{DRAIN_S:g}",
    "MAX_BATCH_WAIT_MS": "20",
    "SYNC_SLO_S": "20",
    "RESULT_TTL_S": "86400",
    "PAYLOAD_THRESHOLD_BYTES": "1024",
}


class Stand:
    """Stays up for many cases; only what a case struck is started again.

    Its processes die with the thread that started it.
    """

    def __init__(
        self, folder: Path, mlflow_url: str, batch: int, *, broker_kind: str = "redis", **env: str
    ) -> None:
        self.batch = batch
        self.gaps = Gaps(folder / "gaps")
        store, broker = Valkey(folder / "store"), new_broker(broker_kind, folder / "broker")
        self.servers: dict[Role, Broker | Valkey] = {Role.STORE: store, Role.BROKER: broker}
        large = folder / "large"
        large.mkdir()
        self._large = Folder(large, "inference")
        own = (
            SETTINGS
            | {
                "MAX_BATCH_SIZE": str(batch),
                "BROKER_URL": broker.url(),
                "PAYLOAD_URL": large.as_uri(),
            }
            | env
        )
        self.stack = Stack(folder, store, mlflow_url, "fault", own)
        self.store = redis.Redis(port=store.port, socket_timeout=2, decode_responses=True)
        self.broker = broker
        self.broker_keys = redis.Redis(port=broker.port, socket_timeout=2)  # of a Valkey alone
        self.http = httpx2.Client(timeout=10, verify=False)
        self._read = Counter[Path]()
        self._ended = Event()
        self._supervisor = Thread(target=self._supervise, name="supervisor", daemon=True)

    def start(self) -> None:
        for server in self.servers.values():
            server.start()
        self._add_processes()
        self._supervisor.start()
        self.whole()

    def _add_processes(self) -> None:
        for _ in range(2):
            self.stack.add_worker(wait=False, **environment(self.gaps.folder, Role.PARENT))
        for _ in range(2):
            self.stack.add_gateway(**environment(self.gaps.folder, Role.GATEWAY))

    def stop(self) -> None:
        self._ended.set()
        if self._supervisor.is_alive():
            self._supervisor.join()
        self.stack.stop()
        for server in self.servers.values():
            server.stop()
        self.http.close()

    @property
    def processes(self) -> list[Process]:
        """Gateways and workers."""
        return [*self.stack.gateways, *self.stack.workers]

    def _supervise(self) -> None:
        while not self._ended.wait(0.1):
            for server in self.servers.values():
                if server.died():
                    server.start()
            for process in self.processes:
                if process.died():
                    process.start()

    def whole(self) -> None:
        """Waits until everything is up and ready."""
        until(lambda: all(map(self._ready, self.processes)), "all to be ready", 120, step_s=0.1)

    def _ready(self, process: Process) -> bool:
        try:
            return self.http.get(f"{process.url}/readyz", timeout=2).status_code == 200
        except httpx2.TransportError:
            return False

    def owner(self, pid: int) -> Process:
        """The process of the service to which a process belongs: itself, or a worker's child."""
        found = next((process for process in self.processes if process.pid == pid), None)
        return found or next(process for process in self.processes if pid in process.children())

    def held_by(self, name: str) -> dict[str, str]:
        """What a worker has in hand, by the store: the claim of each record."""
        try:
            ids = [str(task_id) for task_id in self.store.zrange(f"{KEYS}:running", 0, -1)]
            fields = [
                self.store.hmget(f"{KEYS}:record:{task_id}", "worker", "claim", "begun")
                for task_id in ids
            ]
        except redis.RedisError:
            return {}
        held = zip(ids, fields, strict=True)
        return {
            task_id: str(claim)
            for task_id, (worker, claim, begun) in held
            if worker == name and begun
        }

    def result(self, task_id: str, held: str | None) -> Any:
        """A result, wherever it is kept, by what the store has; raises `PayloadGone`."""
        reference = result_reference(task_id, held or "")
        return orjson.loads(content(self._large, reference) if reference else held or "null")

    def outstanding(self) -> int:
        """By the store; -1 while it does not answer."""
        try:
            return int(self.store.zcard(f"{KEYS}:outstanding"))
        except redis.RedisError:
            return -1

    def queues(self) -> list[dict[str, Any]]:
        """What each gateway says of the queue."""
        return [
            self.http.get(f"{gateway.url}/monitoring/queues").json()["queues"][0]
            for gateway in self.stack.gateways
        ]

    def began(self) -> Counter[str]:
        """The runs in the workers' logs since it was last asked."""
        runs: Counter[str] = Counter()
        for log in (worker.log for worker in self.stack.workers):
            with log.open("rb") as file:
                file.seek(self._read[log])
                *lines, torn = file.read().split(b"\n")
                self._read[log] = file.tell() - len(torn)
            for line in lines:
                if b'"prediction.began"' in line:
                    runs.update(orjson.loads(line[line.index(b"{") :])["task_ids"])
        return runs


def send(pid: int, number: signal.Signals) -> None:
    """A signal to a process that may be gone."""
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return


def pause(seconds: float) -> None:
    """How long something stays struck is part of a case, so here time itself is waited for."""
    time.sleep(seconds)
