"""What the workers of a pool log, pods that come and go among them."""

import json
import subprocess
import threading
from collections.abc import Container
from contextlib import suppress

from testkit.cluster import Cluster, Json, name_of
from testkit.pod_client import close
from testkit.preloaded import die_with_parent


class WorkerLogs:
    """Reads the logs of every worker of a pool, each from its start to its end.

    It reads as long as the block lasts.
    """

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
            close(process)

    def _look(self) -> None:
        while not self._over.is_set():
            with suppress(OSError):
                self._follow_all()
            self._over.wait(0.5)

    def _follow_all(self) -> None:
        for pod in self._cluster.all_pods(f"inference/pool={self._pool}"):
            for container in pod["status"].get("containerStatuses", []):
                run = (name_of(pod), int(container["restartCount"]))
                if "running" in container["state"] and (
                    run not in self._readers or self._heard_nothing(run)
                ):
                    self._follow(run)

    def _heard_nothing(self, run: tuple[str, int]) -> bool:
        """Whether kubectl gave up before the first line."""
        process, reader = self._readers[run]
        if process.poll() in (None, 0) or self._rows[run]:
            return False
        reader.join(10)
        close(process)
        return True

    def _follow(self, run: tuple[str, int]) -> None:
        command = ["kubectl", "-n", self._cluster.namespace, "logs", "-f", run[0]]
        process = subprocess.Popen(
            command,
            env=self._cluster.env,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            preexec_fn=die_with_parent,
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
        return [
            row
            for rows in list(self._rows.values())
            for row in list(rows)
            if row.get("event") == name
        ]

    def runs(self) -> list[str]:
        """The task id of every run that began."""
        return [task_id for row in self.events("prediction.began") for task_id in row["task_ids"]]

    def began(self, task_ids: Container[str]) -> set[str]:
        """The pods that began to run one of these."""
        rows = [(pod, row) for (pod, _), rows in list(self._rows.items()) for row in list(rows)]
        return {
            pod
            for pod, row in rows
            if row.get("event") == "prediction.began"
            and any(t in task_ids for t in row["task_ids"])
        }


def _keep(process: "subprocess.Popen[str]", rows: list[Json]) -> None:
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("{"):
            rows.append(json.loads(line))
