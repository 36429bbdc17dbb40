"""Finds the JSON schemas for kubeconform without the internet.

Kubernetes' schemas come from kubernetes-validate, those of KEDA and of the Prometheus operator
from their own CRDs. The CRDs come with their Go modules; KEDA's is built for the test cluster,
so `go mod download` has it in its cache after that.
"""

import importlib.util
import json
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

from tests.chart.rendering import documents

OLDEST, NEWEST = "1.30", "1.37"
"""The oldest Kubernetes that Chart.yaml takes, and the newest of which there are schemas."""

SINCE = {"devices": "1.35"}
"""The scenarios that need a newer Kubernetes: resource.k8s.io/v1 (1.34), image volumes (1.35)."""

KEDA = "github.com/kedacore/keda/v2@v2.21.0"
OPERATOR = "github.com/prometheus-operator/prometheus-operator@v0.85.0"
GATEWAY_API = "sigs.k8s.io/gateway-api@v1.3.0"
LOCATION = "{{ .ResourceKind }}{{ .KindSuffix }}.json"
_KINDS = (
    *(
        "configmap-v1",
        "persistentvolumeclaim-v1",
        "pod-v1",
        "secret-v1",
        "priorityclass-scheduling-v1",
        "resourceclaimtemplate-resource-v1",
        "service-v1",
        "serviceaccount-v1",
    ),
    *(
        "daemonset-apps-v1",
        "deployment-apps-v1",
        "statefulset-apps-v1",
        "job-batch-v1",
        "cronjob-batch-v1",
        "poddisruptionbudget-policy-v1",
    ),
    *("horizontalpodautoscaler-autoscaling-v2", "ingress-networking-v1"),
    *("networkpolicy-networking-v1", "role-rbac-v1", "rolebinding-rbac-v1"),
)
_KEDA_KINDS = ("scaledobject", "triggerauthentication")
_OPERATOR_KINDS = ("podmonitor", "prometheusrule", "servicemonitor")


def laid_out(folder: Path) -> Path:
    """Writes a folder of schemas for each version of Kubernetes and returns the folder."""
    for version in {OLDEST, *SINCE.values(), NEWEST}:
        place = folder / version
        place.mkdir()
        for name in ("_definitions", *_KINDS):
            source = _source(version, name)
            if source.exists():  # the version may be older than the kind
                (place / f"{name}.json").write_text(_core(source), encoding="utf-8")
        crds = [(path, "keda-v1alpha1") for path in keda_crds()]
        crds += [(path, "monitoring-v1") for path in operator_crds()]
        crds += [(path, "gateway-v1") for path in gateway_api_crds()]
        for path, group in crds:
            kind, schema = _of_crd(path)
            (place / f"{kind}-{group}.json").write_text(json.dumps(schema), encoding="utf-8")
    return folder


def _source(version: str, name: str) -> Path:
    """Where kubernetes-validate has a schema."""
    package = importlib.util.find_spec("kubernetes_validate")
    assert package is not None, "kubernetes-validate is not installed: it is in the extra `test`"
    return (
        Path(str(package.origin)).parent
        / "kubernetes-json-schema"
        / f"v{version}.0-local-strict"
        / f"{name}.json"
    )


def _core(source: Path) -> str:
    """A schema that refers to the file beside it: kubernetes-validate's refers to addresses."""
    schema = json.loads(
        source.read_text(encoding="utf-8").replace("/api/_definitions.json", "_definitions.json")
    )
    return json.dumps(
        {key: value for key, value in schema.items() if key not in ("$id", "$schema")}
    )


def keda_crds() -> list[Path]:
    """KEDA's definitions of what the chart renders for it."""
    bases = _module(KEDA) / "config" / "crd" / "bases"
    return [bases / f"keda.sh_{kind}s.yaml" for kind in _KEDA_KINDS]


def operator_crds() -> list[Path]:
    """The Prometheus operator's definitions of what the chart renders for it."""
    bases = _module(OPERATOR) / "example" / "prometheus-operator-crd"
    return [bases / f"monitoring.coreos.com_{kind}s.yaml" for kind in _OPERATOR_KINDS]


def gateway_api_crds() -> list[Path]:
    """The Gateway API's definitions of what the chart renders for it, of its standard channel."""
    bases = _module(GATEWAY_API) / "config" / "crd" / "standard"
    return [bases / "gateway.networking.k8s.io_httproutes.yaml"]


@cache
def _module(name: str) -> Path:
    """The folder of a Go module."""
    done = subprocess.run(
        ["go", "mod", "download", "-json", name],
        check=True,
        capture_output=True,
        text=True,
        cwd="/",
    )
    return Path(json.loads(done.stdout)["Dir"])


def _of_crd(path: Path) -> tuple[str, Any]:
    """A CRD's kind and schema, refusing what it does not know, as Kubernetes' strict ones do."""
    spec = documents(path.read_text(encoding="utf-8"))[0]["spec"]
    schema = spec["versions"][0]["schema"]["openAPIV3Schema"]
    schema["properties"]["metadata"] = {
        "type": "object",
        "x-kubernetes-preserve-unknown-fields": True,
    }
    return str(spec["names"]["singular"]), _strict(schema)


def _strict(schema: Any) -> Any:
    if isinstance(schema, list):
        return [_strict(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    strict = {key: _strict(part) for key, part in schema.items()}
    closes = isinstance(schema.get("properties"), dict) and not schema.get(
        "x-kubernetes-preserve-unknown-fields"
    )
    return (
        {"additionalProperties": False} | strict
        if closes and schema.get("type") == "object"
        else strict
    )
