"""A real Prometheus for tests, from Debian's package, on a free port of 127.0.0.1."""

import json
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import yaml

from testkit.preloaded import die_with_parent
from testkit.servers import free_port
from testkit.waiting import until

PACKAGE = "prometheus"
SCRAPE_S = 1


def installed() -> bool:
    """Whether Debian's package is there."""
    return all(map(shutil.which, ("prometheus", "promtool")))


def promtool(*arguments: str, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
    """Runs promtool; its verdict is the caller's to judge."""
    assert installed(), f"install Debian's {PACKAGE}"
    return subprocess.run(
        ["promtool", *arguments], check=False, input=stdin, capture_output=True, text=True
    )


@dataclass(frozen=True)
class Target:
    """What Prometheus reads, and the labels that a monitor of the chart would add.

    `job` is the part that it belongs to.
    """

    job: str
    address: str
    labels: dict[str, str]


class Prometheus:
    """It reads its targets every second. Rules are groups as a PrometheusRule has them."""

    def __init__(
        self, folder: Path, targets: list[Target], groups: list[dict[str, Any]] | None = None
    ) -> None:
        self.folder = folder
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._targets = targets
        self._groups = groups or []
        self._process: subprocess.Popen[bytes] | None = None
        self._http = httpx2.Client(base_url=self.url, timeout=30, verify=False)

    def start(self) -> None:
        """Starts it and waits until it answers."""
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "rules.yaml").write_text(yaml.safe_dump({"groups": self._groups}))
        (self.folder / "prometheus.yaml").write_text(yaml.safe_dump(self._settings()))
        command = [
            "prometheus",
            f"--config.file={self.folder / 'prometheus.yaml'}",
            f"--storage.tsdb.path={self.folder / 'data'}",
            f"--web.listen-address=127.0.0.1:{self.port}",
            "--enable-feature=exemplar-storage",
        ]
        with (self.folder / "prometheus.log").open("ab") as log:
            self._process = subprocess.Popen(
                command, stdout=log, stderr=log, start_new_session=True, preexec_fn=die_with_parent
            )
        until(self._is_ready, f"Prometheus to be ready, see {self.folder}/prometheus.log")

    def _settings(self) -> dict[str, Any]:
        jobs = sorted({target.job for target in self._targets})
        interval = f"{SCRAPE_S}s"
        return {
            "global": {"scrape_interval": interval, "evaluation_interval": interval},
            "rule_files": [str(self.folder / "rules.yaml")],
            "scrape_configs": [
                {
                    "job_name": job,
                    "honor_labels": False,
                    "static_configs": [
                        {"targets": [target.address], "labels": target.labels}
                        for target in self._targets
                        if target.job == job
                    ],
                }
                for job in jobs
            ],
        }

    def _is_ready(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, (self.folder / "prometheus.log").read_text()[-2000:]
        try:
            return self._http.get("/-/ready").status_code == 200
        except httpx2.TransportError:
            return False

    def query(self, expr: str) -> list[dict[str, Any]]:
        """The series that an expression has now; fails with Prometheus' words if it is wrong."""
        return self._result("/api/v1/query", query=expr)

    def query_range(self, expr: str, start: float, end: float, step_s: float) -> list[Any]:
        """The series of an expression from `start` to `end`, in seconds since 1970."""
        return self._result("/api/v1/query_range", query=expr, start=start, end=end, step=step_s)

    def _result(self, path: str, **form: Any) -> list[Any]:
        body = self._http.post(path, data={key: str(value) for key, value in form.items()}).json()
        assert body["status"] == "success", f"{form['query']}: {json.dumps(body)}"
        return list(body["data"]["result"])

    def get(self, path: str) -> Any:
        """The data of an answer of its API."""
        return self._http.get(path).json()["data"]

    def stop(self) -> None:
        self._http.close()
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None
