"""The cluster itself judges the rendered objects before anything is installed.

Its admission does so, KEDA's among it.
"""

import json
import os
import subprocess
from pathlib import Path

import pytest
import yaml

from testkit.cluster import Cluster
from testkit.stack import ROOT
from testkit.waiting import until
from tests.chart import schemas
from tests.chart.rendering import documents
from tests.cluster.conftest import bring_up

RELEASE = "scaling"
CHART = "charts/inference"


@pytest.mark.parametrize(
    "values", sorted((ROOT / CHART / "ci").glob("*-values.yaml")), ids=lambda path: path.stem
)
def test_the_cluster_admits_what_the_chart_renders(cluster: Cluster, values: Path) -> None:
    """Applies each scenario in its own namespace, whose Pod Security is "restricted".

    KEDA's webhook looks for the Deployment, so the Deployment goes first.
    """
    name = f"admission-{values.stem.removesuffix('-values')}"
    cluster.run("kubectl", "create", "namespace", name)
    try:
        cluster.run(
            "kubectl", "label", "namespace", name, "pod-security.kubernetes.io/enforce=restricted"
        )
        rendered = cluster.run(
            "helm", "template", "x", CHART, "-n", name, "-f", str(values), "--no-hooks"
        )
        objects = documents(rendered)
        if any(found["apiVersion"].startswith("monitoring.coreos.com/") for found in objects):
            _define(cluster, schemas.operator_crds())
        if any(found["apiVersion"].startswith("gateway.networking.k8s.io/") for found in objects):
            _define(cluster, schemas.gateway_api_crds())
        if not _has_ipv6(cluster):
            for found in objects:
                if found["kind"] == "Service":
                    found["spec"].pop("ipFamilies", None)
                    found["spec"].pop("ipFamilyPolicy", None)
        deployments = [found for found in objects if found["kind"] == "Deployment"]
        for found in deployments:
            found["spec"]["replicas"] = 0
        cluster.run("kubectl", "-n", name, "apply", "-f", "-", stdin=_list(deployments))
        rest = [found for found in objects if found["kind"] != "Deployment"]
        said = cluster.run(
            "kubectl", "-n", name, "apply", "--dry-run=server", "-f", "-", stdin=_list(rest)
        )
        assert said.count("dry run") == len(rest)
        assert "Warning" not in said
    finally:
        cluster.run("kubectl", "delete", "namespace", name, "--wait=false")


def _has_ipv6(cluster: Cluster) -> bool:
    """Whether Services may have IPv6 here."""
    api = json.loads(cluster.run("kubectl", "-n", "default", "get", "svc", "kubernetes", "-o=json"))
    families: list[str] = api["spec"]["ipFamilies"]
    return "IPv6" in families


def _define(cluster: Cluster, crds: list[Path]) -> None:
    """Has the cluster know objects without the operator or controller that they are for.

    A definition that is there already stays: the Gateway API's own policy refuses an older one.
    """
    for crd in crds:
        name = documents(crd.read_text(encoding="utf-8"))[0]["metadata"]["name"]
        if cluster.run("kubectl", "get", "crd", name, "--ignore-not-found"):
            continue
        said = cluster.run("kubectl", "apply", "--server-side", "-o", "name", "-f", str(crd))
        cluster.run("kubectl", "wait", "--for=condition=Established", "--timeout=60s", said.strip())


def test_kedas_admission_refuses_a_second_master_of_the_same_workers(installed: Cluster) -> None:
    """KEDA's admission answers at all.

    Its webhooks fail open, and an admission that nobody asks would admit anything.
    """
    scaled = installed.get("scaledobjects", "inference-worker-fault")
    body = {key: scaled[key] for key in ("apiVersion", "kind", "spec")} | {
        "metadata": {"name": "second"}
    }

    def refused() -> bool:
        """An admission that took too long to answer admits."""
        try:
            installed.kubectl("apply", "--dry-run=server", "-f", "-", stdin=json.dumps(body))
        except AssertionError as error:
            return "already managed by" in str(error)
        return False

    until(refused, "KEDA's admission to refuse it", 60, 1)


@pytest.fixture
def skaffold() -> None:
    """Its program, which is built when everything else is."""
    bring_up("--skaffold")


@pytest.mark.usefixtures("skaffold")
def test_skaffold_understands_its_configuration(cluster: Cluster) -> None:
    for profile in ("", "kind", "cluster"):
        choice = ["--profile", profile] if profile else []
        done = subprocess.run(
            ["skaffold", "diagnose", "--yaml-only", *choice],
            env=cluster.env | {"HOME": os.environ.get("HOME", "/root")},
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        built = yaml.safe_load(done.stdout)["build"]["artifacts"]
        assert {artifact["docker"]["dockerfile"] for artifact in built} == {
            "app/Dockerfile",
            "worker/Dockerfile",
            "k8s/tryout/Dockerfile",
        }


def _list(objects: list[dict[str, object]]) -> str:
    return json.dumps({"apiVersion": "v1", "kind": "List", "items": objects})
