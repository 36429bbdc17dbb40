"""Makes three installations, each in its own namespace, so that their tests run side by side.

RELEASE in a test's module says which installation it uses. `trial` is the README's own. `faults`
and `scaling` have one model that does as it is told, on workers without torch, so that they need no
image with torch. `scaling` has its tickets on RabbitMQ from the start, the others on Valkey. One
process installs all that it needs side by side; the tests of each may as well
run in a process of their own.
"""

import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from testkit.cluster import GATEWAYS, Cluster, environment, is_ready, name_of, proxied
from testkit.pod_client import PodClient
from testkit.stack import ROOT
from testkit.waiting import until

RELEASE = "inference"
CHART = "charts/inference"
TRIAL = "inference"
"""The namespace of the README's installation."""

Installations = Callable[[str], Cluster]


def release_of(item: pytest.Item) -> str:
    """The installation that a test uses; empty for tests of other folders."""
    return str(getattr(getattr(item, "module", None), "RELEASE", ""))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks the tests of this folder, sets their time-out, and sorts all by when they can run.

    The time-out is the time that a test may take on two cores.
    """
    for item in items:
        if "tests/cluster/" in item.nodeid:
            item.add_marker(pytest.mark.cluster)
            item.add_marker(pytest.mark.timeout(900, func_only=True))
    order = ["", *INSTALL]
    items.sort(
        key=lambda item: (
            order.index(release_of(item)),
            "skaffold" in getattr(item, "fixturenames", ()),
        )
    )


def readme_line(start: str) -> list[str]:
    """The README's command that begins so."""
    found = re.findall(
        rf"^{re.escape(start)}[^\n]*",
        (ROOT / "README.md").read_text(encoding="utf-8"),
        re.MULTILINE,
    )
    assert len(found) == 1, found
    return shlex.split(found[0], comments=True)


def bring_up(*arguments: str) -> None:
    """Has the program in CLUSTER_UP bring the cluster up.

    Without that program, KUBECONFIG must name a cluster whose nodes have the images.
    """
    program = os.environ.get("CLUSTER_UP")
    if program is None:
        assert "KUBECONFIG" in os.environ, (
            "set KUBECONFIG to a cluster with KEDA and this project's images"
        )
        return
    exports = subprocess.run(
        [program, *arguments], cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True
    ).stdout
    for name, value in re.findall(r"(KUBECONFIG|PATH)=(\S+)", exports):
        os.environ[name] = value.replace("$PATH", os.environ["PATH"])


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """The cluster, read in the default namespace."""
    bring_up()
    env = environment()
    with proxied(env) as api:
        yield Cluster("default", env, api)


@pytest.fixture(scope="session")
def installations(cluster: Cluster, request: pytest.FixtureRequest) -> Iterator[Installations]:
    """Starts all installations that the tests of this run need, and yields their getter.

    They start side by side. One lane runs the whole suite.
    """
    needed = {release_of(item) for item in request.session.items} - {""}
    with ThreadPoolExecutor(len(INSTALL)) as pool:
        begun = {
            name: pool.submit(install, cluster)
            for name, install in INSTALL.items()
            if name in needed
        }

        def installation(name: str) -> Cluster:
            if name not in begun:
                begun[name] = pool.submit(INSTALL[name], cluster)
            return begun[name].result()

        yield installation


@pytest.fixture(scope="module")
def installed(installations: Installations, request: pytest.FixtureRequest) -> Cluster:
    """The installation that the module's RELEASE names."""
    return installations(request.module.RELEASE)


def install_trial(cluster: Cluster) -> Cluster:
    """The service as the README installs it, once the image with torch is there."""
    bring_up("--torch")
    trial = restricted_namespace(cluster, TRIAL)
    if not _is_installed(trial):
        trial.run(*readme_line("helm install"), limit_s=1500)
    return trial


def install_fault(name: str, *options: str) -> Callable[[Cluster], Cluster]:
    """An installation of the fault model, which is registered while the gateways wait for it."""

    def install(cluster: Cluster) -> Cluster:
        found = restricted_namespace(cluster, name)
        fresh = not _is_installed(found)
        values = ("-f", str(ROOT / "tests" / "cluster" / "values-fault-model.yaml"), *options)
        found.helm("upgrade", "--install", RELEASE, CHART, *values)
        if fresh:
            found.kubectl(
                "rollout", "status", f"deployment/{RELEASE}-mlflow", "--timeout=10m", limit_s=650
            )
            with found.forwarded(f"svc/{RELEASE}-mlflow", 5000) as url:
                subprocess.run(
                    [sys.executable, "-m", "testkit.register", url], check=True, cwd=ROOT
                )
        found.kubectl(
            "rollout", "status", f"deployment/{RELEASE}-api", "--timeout=10m", limit_s=650
        )
        return found

    return install


INSTALL: dict[str, Callable[[Cluster], Cluster]] = {
    "faults": install_fault("faults", "-f", "tests/cluster/values-faults.yaml"),
    "scaling": install_fault("scaling", "-f", "tests/cluster/values-scaling.yaml"),
    "trial": install_trial,
}
"""In the order in which they can be there."""


def restricted_namespace(cluster: Cluster, name: str) -> Cluster:
    """A namespace that takes nothing that is not "restricted"."""
    if not cluster.run("kubectl", "get", "namespace", name, "--ignore-not-found"):
        cluster.run("kubectl", "create", "namespace", name)
    cluster.run(
        "kubectl",
        "label",
        "--overwrite",
        "namespace",
        name,
        "pod-security.kubernetes.io/enforce=restricted",
    )
    return cluster.at(name)


def _is_installed(cluster: Cluster) -> bool:
    return RELEASE in cluster.helm("list", "--short").split()


@pytest.fixture(scope="session")
def both_pools(installations: Installations) -> Cluster:
    """The README's installation with image-classifier's pool as well.

    Workers of both pools come and go within seconds.
    """
    trial = installations("trial")
    values = str(ROOT / "tests" / "cluster" / "values-trial.yaml")
    trial.helm(
        "upgrade",
        RELEASE,
        CHART,
        "--reset-then-reuse-values",
        "-f",
        values,
        "--wait",
        "--timeout",
        "10m",
    )
    # Gateways are ready with the models that they have: image-classifier's may still be in the
    # making.
    training = "app.kubernetes.io/component=training"
    trial.kubectl(
        "wait", "job", "-l", training, "--for=condition=Complete", "--timeout=600s", limit_s=650
    )
    return trial


@pytest.fixture(scope="module")
def client(installed: Cluster) -> Iterator[PodClient]:
    """A pod that calls the Service as an application in the cluster would."""
    with client_pod(installed) as pod:
        yield pod


@contextmanager
def client_pod(cluster: Cluster) -> Iterator[PodClient]:
    """Starts such a pod, as long as the block lasts."""
    pod = name_of(gateways(cluster)[0])
    image = cluster.get("pods", pod)["spec"]["containers"][0]["image"]
    cluster.kubectl("delete", "pod", "client", "--ignore-not-found", "--wait")
    text = (ROOT / "tests/cluster/client.yaml").read_text()
    cluster.kubectl("apply", "-f", "-", stdin=text.replace("IMAGE", image))
    cluster.kubectl("wait", "pod/client", "--for=condition=Ready", "--timeout=60s")
    yield PodClient(cluster, "client", f"{RELEASE}-api")
    cluster.kubectl("delete", "pod", "client", "--grace-period=1", "--wait=false")


def gateways(cluster: Cluster) -> list[dict[str, object]]:
    return cluster.pods(GATEWAYS)


def set_pool(cluster: Cluster, name: str, values: dict[str, object]) -> None:
    """Upgrades the installation with more values of a pool; the others stay."""
    told = f"workerPools.{name}={json.dumps(values)}"
    cluster.helm("upgrade", RELEASE, CHART, "--reset-then-reuse-values", "--set-json", told)


def at_rest(cluster: Cluster, client: PodClient, pool: str, workers: int) -> None:
    """Waits until nothing is left of the test before.

    Two gateways are ready then, nothing is outstanding, and the pool is at its fewest workers.
    """
    until(
        lambda: [is_ready(pod) for pod in gateways(cluster)] == [True, True],
        "two gateways to be ready",
        180,
        0.2,
    )
    until(lambda: client.queue(pool)["outstanding"] == 0, "nothing to be outstanding", 180, 0.2)
    label = f"inference/pool={pool}"
    until(
        lambda: [is_ready(pod) for pod in cluster.all_pods(label)] == [True] * workers,
        f"{workers} workers",
        240,
        0.2,
    )
