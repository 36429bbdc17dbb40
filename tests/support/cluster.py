"""A cluster that KUBECONFIG names, with the service installed: kubectl and helm as people type them, and a client inside."""

import json
import os
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.support.servers import die_with_parent, free_port
from tests.support.stack import ROOT
from tests.support.waiting import until

TOOLS = Path(os.environ.get("CLUSTER_HOME", "/var/lib/inference-cluster")) / "bin"
IN_POD = ROOT / "tests" / "cluster" / "in_pod.py"
WORKERS = "app.kubernetes.io/component=worker"
GATEWAYS = "app.kubernetes.io/component=api"
Json = dict[str, Any]


def environment() -> dict[str, str]:
    """The tests' environment, the tools of ../shared/cluster found too."""
    path = os.environ["PATH"] if shutil.which("kubectl") and shutil.which("helm") else f"{TOOLS}:{os.environ['PATH']}"
    return os.environ | {"PATH": path}


@dataclass
class Cluster:
    """One namespace of it."""

    namespace: str
    env: dict[str, str] = field(default_factory=environment)

    def run(self, *command: str, stdin: str | None = None, limit_s: float = 120) -> str:
        """Runs a command and returns its output; a failure fails the test with what it said."""
        done = subprocess.run(
            command, check=False, input=stdin, env=self.env, cwd=ROOT, capture_output=True, text=True, timeout=limit_s
        )
        assert done.returncode == 0, f"{' '.join(command)[:300]}\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}"
        return done.stdout

    def kubectl(self, *arguments: str, stdin: str | None = None, limit_s: float = 120) -> str:
        return self.run("kubectl", "-n", self.namespace, *arguments, stdin=stdin, limit_s=limit_s)

    def helm(self, *arguments: str, limit_s: float = 900) -> str:
        return self.run("helm", "-n", self.namespace, *arguments, limit_s=limit_s)

    def get(self, *arguments: str) -> Json:
        """What `kubectl get` answers; asked twice if need be, for a busy API server lets a call go now and then."""
        command = ("get", *arguments, "-o", "json")
        try:
            return dict(json.loads(self.kubectl(*command)))
        except AssertionError:
            return dict(json.loads(self.kubectl(*command)))

    def pods(self, selector: str) -> list[Json]:
        """The pods that labels select, those on their way out not among them."""
        found: list[Json] = self.get("pods", "-l", selector)["items"]
        return [pod for pod in found if "deletionTimestamp" not in pod["metadata"]]

    def pool(self, name: str) -> list[Json]:
        """The pods of a pool."""
        return self.pods(f"inference/pool={name}")

    @contextmanager
    def forwarded(self, target: str, port: int) -> Iterator[str]:
        """The URL at which a Service answers on this machine."""
        local = free_port()
        command = ["kubectl", "-n", self.namespace, "port-forward", target, f"{local}:{port}"]
        process = subprocess.Popen(
            command, env=self.env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, preexec_fn=die_with_parent
        )
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            assert line.startswith("Forwarding"), line
            yield f"http://127.0.0.1:{local}"
        finally:
            process.kill()
            process.communicate()


def is_ready(pod: Json) -> bool:
    """Whether a pod's Ready condition is true."""
    return any(c["type"] == "Ready" and c["status"] == "True" for c in pod["status"].get("conditions", []))


def name_of(pod: Json) -> str:
    return str(pod["metadata"]["name"])


@dataclass
class PodClient:
    """Calls the Service from a pod; every answer is a row that the test keeps."""

    cluster: Cluster
    pod: str
    url: str

    def _command(self, *arguments: str) -> list[str]:
        program = ["python3", "-u", "-c", IN_POD.read_text(), *arguments]
        return ["kubectl", "-n", self.cluster.namespace, "exec", self.pod, "--", *program]

    def _rows(self, *arguments: str, limit_s: float = 120) -> list[Json]:
        return [json.loads(line) for line in self.cluster.run(*self._command(*arguments), limit_s=limit_s).splitlines()]

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> Json:
        """One call: its `status` and `answer`."""
        (row,) = self._rows("call", self.url, method, path, json.dumps(body), json.dumps(headers))
        return row

    def submit(self, count: int, **features: Any) -> dict[str, Json]:
        """Submits and returns the rows by task id; anything but a 202 fails."""
        rows = self._rows("submit", self.url, str(count), json.dumps(features), limit_s=120 + count)
        assert {row["status"] for row in rows} == {202}, [row for row in rows if row["status"] != 202]
        return {row["task_id"]: row for row in rows}

    def ended(self, task_ids: Any, limit_s: float = 180) -> dict[str, Json]:
        """The records once they have ended."""
        rows = self._rows("ended", self.url, str(limit_s), *task_ids, limit_s=limit_s + 60)
        return {row["task_id"]: row["record"] for row in rows}

    def queue(self, model: str) -> Json:
        """The numbers of a model's queue."""
        queues = self.call("GET", "/monitoring/queues")["answer"]["queues"]
        return next(dict(queue) for queue in queues if queue["model"] == model)

    def starting(self) -> list[Json]:
        """The workers that are wanted and not there yet."""
        return list(self.call("GET", "/monitoring/workers")["answer"]["starting"] or [])

    @contextmanager
    def load(self, **features: Any) -> Iterator["Load"]:
        """Four callers submit and read until the block ends; their log is the client's."""
        stop = f"/tmp/stop-{time.monotonic_ns()}"
        load = Load(self._command("load", self.url, stop, json.dumps(features)), self.cluster.env)
        try:
            until(lambda: len(load.accepted()) > 8, "the load to be under way", 60)
            yield load
        finally:
            self.cluster.kubectl("exec", self.pod, "--", "touch", stop)
            load.process.wait(90)
            load.reader.join(10)
            _close(load.process)


class Load:
    """A load under way, and all that it was answered."""

    def __init__(self, command: list[str], env: dict[str, str]) -> None:
        self.rows: list[Json] = []
        self.process = subprocess.Popen(command, env=env, stdout=subprocess.PIPE, text=True, preexec_fn=die_with_parent)
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.rows.append(json.loads(line))

    def accepted(self) -> dict[str, Json]:
        """The submissions that were answered 202, by task id."""
        return {row["task_id"]: row for row in list(self.rows) if row["call"] == "submit" and row["status"] == 202}

    def failed(self) -> list[Json]:
        """Every answer that was no success."""
        return [row for row in list(self.rows) if row["status"] not in (200, 202)]


class WorkerLogs:
    """Reads what every worker of a pool logs, from its start to its end, as long as the block lasts."""

    def __init__(self, cluster: Cluster, pool: str) -> None:
        self._cluster, self._pool = cluster, pool
        self._readers: dict[tuple[str, int], tuple[subprocess.Popen[str], threading.Thread]] = {}
        self._rows: dict[tuple[str, int], list[Json]] = {}
        self._over = threading.Event()
        self._watch = threading.Thread(target=self._look, daemon=True)

    def __enter__(self) -> "WorkerLogs":
        self._watch.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._watch.join()
        for process, reader in self._readers.values():
            process.kill()
            process.wait()
            reader.join(10)
            _close(process)

    def _look(self) -> None:
        while not self._over.is_set():
            with suppress(AssertionError):
                self._follow_all()
            self._over.wait(0.5)

    def _follow_all(self) -> None:
        for pod in self._cluster.get("pods", "-l", f"inference/pool={self._pool}")["items"]:
            for container in pod["status"].get("containerStatuses", []):
                run = (name_of(pod), int(container["restartCount"]))
                if "running" in container["state"] and (run not in self._readers or self._heard_nothing(run)):
                    self._follow(run)

    def _heard_nothing(self, run: tuple[str, int]) -> bool:
        """Whether kubectl gave up before the first line."""
        process, reader = self._readers[run]
        if process.poll() in (None, 0) or self._rows[run]:
            return False
        reader.join(10)
        _close(process)
        return True

    def _follow(self, run: tuple[str, int]) -> None:
        command = ["kubectl", "-n", self._cluster.namespace, "logs", "-f", run[0]]
        process = subprocess.Popen(
            command, env=self._cluster.env, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, preexec_fn=die_with_parent
        )
        rows = self._rows[run] = []
        reader = threading.Thread(target=_keep, args=(process, rows), daemon=True)
        reader.start()
        self._readers[run] = (process, reader)

    @property
    def pods(self) -> set[str]:
        """The pods whose container was seen running."""
        return {pod for pod, _ in list(self._rows)}

    def events(self, name: str) -> list[Json]:
        """The lines of an event, over all workers."""
        return [row for rows in list(self._rows.values()) for row in list(rows) if row.get("event") == name]

    def runs(self) -> list[str]:
        """The task id of every run that began."""
        return [task_id for row in self.events("prediction.began") for task_id in row["task_ids"]]


def _close(process: "subprocess.Popen[str]") -> None:
    assert process.stdout is not None
    process.stdout.close()


def _keep(process: "subprocess.Popen[str]", rows: list[Json]) -> None:
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("{"):
            rows.append(json.loads(line))
