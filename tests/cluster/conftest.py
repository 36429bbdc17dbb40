"""One installation for all tests here: the README's own, and then two more pools, one for a model that does as it is told."""

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.support.cluster import Cluster, PodClient, is_ready, name_of
from tests.support.stack import ROOT
from tests.support.waiting import until

NAMESPACE = RELEASE = "inference"
SERVICE = f"http://{RELEASE}-api"
FAULT = "models:/fault@production"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """All need a cluster, and what one of them may take on two cores is more than elsewhere."""
    for item in items:
        if "tests/cluster/" in item.nodeid:
            item.add_marker(pytest.mark.cluster)
            item.add_marker(pytest.mark.timeout(900, func_only=True))


def readme_line(start: str) -> list[str]:
    """The README's command that begins so."""
    found = re.findall(rf"^{re.escape(start)}[^\n]*", (ROOT / "README.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert len(found) == 1, found
    return shlex.split(found[0], comments=True)


@pytest.fixture(scope="session")
def cluster() -> Cluster:
    """The cluster that KUBECONFIG names, its nodes with the images; else the one that the program in CLUSTER_UP brings."""
    if "KUBECONFIG" not in os.environ:
        program = os.environ.get("CLUSTER_UP")
        assert program, "set KUBECONFIG to a cluster with KEDA and this project's images"
        exports = subprocess.run([program], cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout
        for name, value in re.findall(r"(KUBECONFIG|PATH)=(\S+)", exports):
            os.environ[name] = value.replace("$PATH", os.environ["PATH"])
    return Cluster(NAMESPACE)


@pytest.fixture(scope="session")
def installed(cluster: Cluster) -> Cluster:
    """The service as the README installs it, in a namespace that takes nothing that is not "restricted"."""
    if "inference" in cluster.run("helm", "-n", NAMESPACE, "list", "--short"):
        return cluster
    if not cluster.run("kubectl", "get", "namespace", NAMESPACE, "--ignore-not-found"):
        cluster.run("kubectl", "create", "namespace", NAMESPACE)
    cluster.run("kubectl", "label", "--overwrite", "namespace", NAMESPACE, "pod-security.kubernetes.io/enforce=restricted")
    cluster.run(*readme_line("helm install"), limit_s=1500)
    return cluster


@pytest.fixture(scope="session")
def fault_pool(installed: Cluster) -> Cluster:
    """The installation with image-classifier's pool and one for the fault model, one GPU a worker, that scale within seconds."""
    with installed.forwarded(f"svc/{RELEASE}-mlflow", 5000) as url:
        subprocess.run([sys.executable, "-m", "tests.support.register", url], check=True, cwd=ROOT)
    values = str(ROOT / "tests" / "cluster" / "values.yaml")
    installed.helm("upgrade", RELEASE, "charts/inference", "--reset-then-reuse-values", "-f", values, "--wait", "--timeout", "10m")
    # Gateways are ready with the models that they have: image-classifier's may still be in the making.
    training = "app.kubernetes.io/component=training"
    installed.kubectl("wait", "job", "-l", training, "--for=condition=Complete", "--timeout=600s")
    return installed


@pytest.fixture(scope="session")
def client(installed: Cluster) -> Iterator[PodClient]:
    """A pod that calls the Service as an application in the cluster would."""
    pod = name_of(gateways(installed)[0])
    image = installed.get("pod", pod)["spec"]["containers"][0]["image"]
    installed.kubectl("delete", "pod", "client", "--ignore-not-found", "--wait")
    installed.kubectl("apply", "-f", "-", stdin=(ROOT / "tests/cluster/client.yaml").read_text().replace("IMAGE", image))
    installed.kubectl("wait", "pod/client", "--for=condition=Ready", "--timeout=60s")
    yield PodClient(installed, "client", SERVICE)
    installed.kubectl("delete", "pod", "client", "--grace-period=1", "--wait=false")


def gateways(cluster: Cluster) -> list[dict[str, object]]:
    return cluster.pods("app.kubernetes.io/component=api")


@pytest.fixture
def quiet(fault_pool: Cluster, client: PodClient) -> PodClient:
    """The client, once nothing is left of the test before: two gateways ready, nothing outstanding, the fault pool at zero."""
    until(lambda: [is_ready(pod) for pod in gateways(fault_pool)] == [True, True], "two gateways to be ready", 180, 0.5)
    until(lambda: client.queue("fault")["outstanding"] == 0, "nothing to be outstanding", 180, 0.5)
    until(lambda: not fault_pool.get("pods", "-l", "inference/pool=fault")["items"], "the pool to be at zero", 240, 1)
    return client
