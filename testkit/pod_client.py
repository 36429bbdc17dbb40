"""A client inside the cluster, whose every answer is kept, and a load.

The load goes on while something happens to the pods.
"""

import json
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from testkit.cluster import Cluster, Json
from testkit.preloaded import die_with_parent
from testkit.stack import ROOT
from testkit.waiting import until

IN_POD = ROOT / "tests" / "cluster" / "in_pod.py"


@dataclass
class PodClient:
    """Calls the Service from a pod; every answer is a row that the test keeps."""

    cluster: Cluster
    pod: str
    service: str

    @property
    def url(self) -> str:
        return f"http://{self.service}"

    def _command(self, *arguments: str) -> list[str]:
        program = ["python3", "-u", "-c", IN_POD.read_text(), *arguments]
        return ["kubectl", "-n", self.cluster.namespace, "exec", self.pod, "--", *program]

    def _rows(self, *arguments: str, limit_s: float = 120) -> list[Json]:
        return [
            json.loads(line)
            for line in self.cluster.run(*self._command(*arguments), limit_s=limit_s).splitlines()
        ]

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> Json:
        """One call: its `status` and `answer`."""
        (row,) = self._rows("call", self.url, method, path, json.dumps(body), json.dumps(headers))
        return row

    def submit(self, count: int, **features: Any) -> dict[str, Json]:
        """Submits and returns the rows by task id; anything but a 202 fails."""
        rows = self._rows("submit", self.url, str(count), json.dumps(features), limit_s=120 + count)
        assert {row["status"] for row in rows} == {202}, [
            row for row in rows if row["status"] != 202
        ]
        return {row["task_id"]: row for row in rows}

    def ended(self, task_ids: Any, limit_s: float = 180) -> dict[str, Json]:
        """The records once they have ended."""
        rows = self._rows("ended", self.url, str(limit_s), *task_ids, limit_s=limit_s + 60)
        return {row["task_id"]: row["record"] for row in rows}

    def look(self, path: str) -> Json:
        """A gateway's page, by way of the API server: for what is asked again and again."""
        return self.cluster.api.get(
            f"api/v1/namespaces/{self.cluster.namespace}/services/{self.service}:80/proxy{path}"
        )

    def queue(self, model: str) -> Json:
        """The numbers of a model's queue."""
        queues = self.look("/monitoring/queues")["queues"]
        return next(dict(queue) for queue in queues if queue["model"] == model)

    def starting(self) -> list[Json]:
        """The workers that are wanted and not there yet."""
        return list(self.look("/monitoring/workers")["starting"] or [])

    @contextmanager
    def load(self, pause_s: float = 0.1, **features: Any) -> Iterator["Load"]:
        """Four callers submit, read and pause until the block ends; their log is the client's."""
        stop = f"/tmp/stop-{time.monotonic_ns()}"
        load = Load(
            self._command("load", self.url, stop, str(pause_s), json.dumps(features)),
            self.cluster.env,
        )
        try:
            until(lambda: len(load.accepted()) > 8, "the load to be under way", 60)
            yield load
        finally:
            self.cluster.kubectl("exec", self.pod, "--", "touch", stop)
            load.process.wait(90)
            load.reader.join(10)
            close(load.process)


class Load:
    """A load under way, and all that it was answered."""

    def __init__(self, command: list[str], env: dict[str, str]) -> None:
        self.rows: list[Json] = []
        self.process = subprocess.Popen(
            command, env=env, stdout=subprocess.PIPE, text=True, preexec_fn=die_with_parent
        )
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.rows.append(json.loads(line))

    def accepted(self) -> dict[str, Json]:
        """The submissions that were answered 202, by task id."""
        return {
            row["task_id"]: row
            for row in list(self.rows)
            if row["call"] == "submit" and row["status"] == 202
        }

    def failed(self) -> list[Json]:
        """Every answer that was no success."""
        return [row for row in list(self.rows) if row["status"] not in (200, 202)]


def close(process: "subprocess.Popen[str]") -> None:
    """Closes what was read from a process that has ended."""
    assert process.stdout is not None
    process.stdout.close()
