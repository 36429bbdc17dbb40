"""Works with the cluster that KUBECONFIG names.

It runs kubectl and helm as people type them, and reads the API server beside them.
"""

import json
import os
import shutil
import subprocess
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from testkit.preloaded import die_with_parent
from testkit.servers import free_port
from testkit.stack import ROOT

TOOLS = Path(os.environ.get("CLUSTER_HOME", "/var/lib/inference-cluster")) / "bin"
WORKERS = "app.kubernetes.io/component=worker"
GATEWAYS = "app.kubernetes.io/component=api"
Json = dict[str, Any]
KINDS = {
    "pods": "api/v1",
    "deployments": "apis/apps/v1",
    "horizontalpodautoscalers": "apis/autoscaling/v2",
    "scaledobjects": "apis/keda.sh/v1alpha1",
}
"""Where the API server has them."""


def environment() -> dict[str, str]:
    """The tests' environment, the tools of ../shared/cluster found too."""
    path = (
        os.environ["PATH"]
        if shutil.which("kubectl") and shutil.which("helm")
        else f"{TOOLS}:{os.environ['PATH']}"
    )
    return os.environ | {"PATH": path}


class Api:
    """The API server, read at the address of a `kubectl proxy`.

    The tests look all the time, and each kubectl is a process.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def get(self, path: str, **query: str) -> Json:
        """Returns the answer to a GET; asks twice if need be.

        A busy API server lets a call go now and then.
        """
        url = f"{self._url}/{path}?{urlencode(query)}"
        try:
            return self._read(url)
        except OSError:
            return self._read(url)

    def _read(self, url: str) -> Json:
        with self._opener.open(url, timeout=30) as answer:
            return dict(json.loads(answer.read()))


@contextmanager
def proxied(env: dict[str, str]) -> Iterator[Api]:
    """The API server, as long as the block lasts."""
    with started(["kubectl", "proxy", "--port=0"], env) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line.startswith("Starting to serve on"), line
        yield Api(f"http://{line.split()[-1]}")


@contextmanager
def started(command: list[str], env: dict[str, str]) -> Iterator["subprocess.Popen[str]"]:
    """A process that ends with the block; what it writes can be read."""
    process = subprocess.Popen(
        command,
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        preexec_fn=die_with_parent,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


@dataclass
class Cluster:
    """One namespace of it."""

    namespace: str
    env: dict[str, str]
    api: Api

    def run(self, *command: str, stdin: str | None = None, limit_s: float = 120) -> str:
        """Runs a command and returns its output; a failure fails the test with what it said."""
        done = subprocess.run(
            command,
            check=False,
            input=stdin,
            env=self.env,
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=limit_s,
        )
        assert done.returncode == 0, (
            f"{' '.join(command)[:300]}\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}"
        )
        return done.stdout

    def kubectl(self, *arguments: str, stdin: str | None = None, limit_s: float = 120) -> str:
        return self.run("kubectl", "-n", self.namespace, *arguments, stdin=stdin, limit_s=limit_s)

    def helm(self, *arguments: str, limit_s: float = 900) -> str:
        return self.run("helm", "-n", self.namespace, *arguments, limit_s=limit_s)

    def at(self, namespace: str) -> "Cluster":
        """Another namespace of the same cluster."""
        return replace(self, namespace=namespace)

    def get(self, kind: str, name: str) -> Json:
        """One object, of those in `KINDS`."""
        return self.api.get(f"{KINDS[kind]}/namespaces/{self.namespace}/{kind}/{name}")

    def all_pods(self, selector: str) -> list[Json]:
        """The pods that labels select, those on their way out too."""
        return list(
            self.api.get(f"api/v1/namespaces/{self.namespace}/pods", labelSelector=selector)[
                "items"
            ]
        )

    def pods(self, selector: str) -> list[Json]:
        """The pods that labels select, those on their way out not among them."""
        return [
            pod for pod in self.all_pods(selector) if "deletionTimestamp" not in pod["metadata"]
        ]

    def pool(self, name: str) -> list[Json]:
        """The pods of a pool."""
        return self.pods(f"inference/pool={name}")

    def evict(self, pod: str) -> None:
        """Asks for an eviction, as a drain does; a PodDisruptionBudget may refuse it."""
        eviction = {
            "apiVersion": "policy/v1",
            "kind": "Eviction",
            "metadata": {"name": pod, "namespace": self.namespace},
        }
        path = f"/api/v1/namespaces/{self.namespace}/pods/{pod}/eviction"
        self.kubectl("create", "--raw", path, "-f", "-", stdin=json.dumps(eviction))

    @contextmanager
    def forwarded(self, target: str, port: int) -> Iterator[str]:
        """The URL at which a Service answers on this machine."""
        local = free_port()
        with started(
            ["kubectl", "-n", self.namespace, "port-forward", target, f"{local}:{port}"], self.env
        ) as process:
            assert process.stdout is not None
            line = process.stdout.readline()
            assert line.startswith("Forwarding"), line
            yield f"http://127.0.0.1:{local}"


def is_ready(pod: Json) -> bool:
    """Whether a pod's Ready condition is true."""
    return any(
        c["type"] == "Ready" and c["status"] == "True" for c in pod["status"].get("conditions", [])
    )


def name_of(pod: Json) -> str:
    return str(pod["metadata"]["name"])
