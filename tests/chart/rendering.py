"""Renders the chart as people do, with helm, and finds things in what comes out."""

import base64
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from scripts.charts.tools import CHART, run

Json = dict[str, Any]
SCENARIOS = sorted(
    path.name.removesuffix("-values.yaml") for path in (CHART / "ci").glob("*-values.yaml")
)
TRYOUT: Json = {"tryout": {"enabled": True}, "modelCode": "refuse"}
OWN_PARTS: Json = {
    "store": {"url": "redis://cache:6379"},
    "mlflow": {"trackingUri": "http://mlflow:5000"},
    "modelCode": "refuse",
}


class Refused(Exception):
    """Helm's own words when it renders nothing."""


@dataclass(frozen=True)
class Objects:
    """What was rendered."""

    text: str
    all: tuple[Json, ...]

    def of(self, kind: str) -> dict[str, Json]:
        """The objects of a kind, by name."""
        return {found["metadata"]["name"]: found for found in self.all if found["kind"] == kind}

    def one(self, kind: str, ending: str = "") -> Json:
        """The only object of a kind whose name ends so."""
        found = [each for name, each in self.of(kind).items() if name.endswith(ending)]
        assert len(found) == 1, f"{len(found)} of {kind} …{ending}"
        return found[0]

    def pods(self) -> Iterator[tuple[str, Json]]:
        """Every pod's metadata and spec, whatever makes it, with a name for messages."""
        for found in self.all:
            spec = found.get("spec", {})
            template = (
                found
                if found["kind"] == "Pod"
                else spec.get("jobTemplate", {}).get("spec", spec).get("template")
            )
            if template:
                yield f"{found['kind']}/{found['metadata']['name']}", template

    def secret(self, name: str) -> dict[str, str]:
        """What a Secret holds."""
        return {
            key: base64.b64decode(value).decode()
            for key, value in self.of("Secret")[name]["data"].items()
        }

    def environment(self, container: Json) -> dict[str, str]:
        """Returns the environment of a container, with Secrets of this release looked up.

        A field of the pod stands as its path.
        """
        return {entry["name"]: self._told(entry) for entry in container.get("env", [])}

    def _told(self, entry: Json) -> str:
        if "value" in entry:
            return str(entry["value"])
        source = entry["valueFrom"]
        if "fieldRef" in source:
            return str(source["fieldRef"]["fieldPath"])
        return self.secret(source["secretKeyRef"]["name"])[source["secretKeyRef"]["key"]]


def containers(pod: Json) -> list[Json]:
    """Every container of a pod, those that run first included."""
    return [*pod["spec"].get("initContainers", []), *pod["spec"]["containers"]]


def render(
    values: Mapping[str, Any],
    release: str = "inference",
    *,
    options: Sequence[str] = (),
    chart: Path = CHART,
    cluster: str = "",
) -> Objects:
    """Renders the chart with values; raises `Refused` with what Helm says.

    `cluster` is the address of an API server that `lookup` asks, as in an upgrade.
    """
    asked = ("--dry-run=server", "--disable-openapi-validation", "--kube-apiserver", cluster)
    done = run(
        "helm",
        "template",
        release,
        str(chart),
        "--namespace",
        "predictions",
        *options,
        "--values",
        "-",
        *(asked if cluster else ()),
        stdin=yaml.safe_dump(dict(values)),
    )
    if done.returncode:
        raise Refused(done.stderr)
    return Objects(done.stdout, tuple(documents(done.stdout)))


def documents(text: str) -> list[Json]:
    """The documents of a YAML text that are not empty.

    libyaml reads them ten times as fast as PyYAML itself, and a run renders the chart some thousand
    times.
    """
    return [found for found in yaml.load_all(text, yaml.CSafeLoader) if found]


@cache
def scenario(name: str) -> Objects:
    """What a file of `charts/inference/ci` renders."""
    return render(
        yaml.safe_load((CHART / "ci" / f"{name}-values.yaml").read_text(encoding="utf-8"))
    )


def merged(*layers: Mapping[str, Any]) -> Json:
    """Values over values, map by map, as Helm takes several files."""
    result: Json = {}
    for layer in layers:
        for key, value in layer.items():
            both = isinstance(value, Mapping) and isinstance(result.get(key), Mapping)
            result[key] = merged(result[key], value) if both else value
    return result
