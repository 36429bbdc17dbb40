"""Several of this chart beside each other do not meet: releases, and aliases within one parent."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from scripts.charts.tools import CHART
from tests.chart.rendering import OWN_PARTS, TRYOUT, Json, Objects, Refused, merged, render

PARTS: Json = merged(
    TRYOUT,
    {"tryout": {"broker": "rabbitmq"}, "networkPolicy": {"clientsFrom": [{"podSelector": {}}]}},
)


def selectors(rendered: Objects) -> Iterator[tuple[str, Json]]:
    """Everything that picks pods by labels: Services, policies and the peers in them, budgets."""
    for each in rendered.all:
        who = f"{each['kind']}/{each['metadata']['name']}"
        spec = each.get("spec", {})
        if each["kind"] == "Service":
            yield who, spec["selector"]
        else:
            yield from ((who, labels) for labels in _match_labels(spec))


def _match_labels(found: object, key: str = "") -> Iterator[Json]:
    if isinstance(found, list):
        for each in found:
            yield from _match_labels(each, key)
    if isinstance(found, dict):
        if "matchLabels" in found and key != "namespaceSelector":
            yield found["matchLabels"]
        for name, value in found.items():
            yield from _match_labels(value, name)


def meeting(one: Objects, other: Objects) -> list[tuple[str, str]]:
    """What of one release picks a pod of the other."""
    return [
        (who, whom)
        for who, labels in selectors(one)
        for whom, pod in other.pods()
        if labels.items() <= pod["metadata"]["labels"].items()
    ]


def names(rendered: Objects) -> set[tuple[str, str]]:
    return {(each["kind"], each["metadata"]["name"]) for each in rendered.all}


def keys(rendered: Objects) -> set[tuple[str, str]]:
    """The key prefix and the owner of the keys, of all who use them."""
    found = set()
    for _, pod in rendered.pods():
        for container in pod["spec"]["containers"]:
            env = {entry["name"]: entry.get("value") for entry in container.get("env", [])}
            if "KEY_PREFIX" in env:
                found.add((env["KEY_PREFIX"], env["INSTALLATION"]))
    return found


def apart(one: Objects, other: Objects) -> None:
    assert meeting(one, one), "a selector that picks none of its own would show nothing"
    assert meeting(one, other) == meeting(other, one) == []
    assert names(one) & names(other) == set()
    assert (len(keys(one)), len(keys(other))) == (1, 1)
    ((prefix, owner),), ((other_prefix, other_owner),) = keys(one), keys(other)
    assert prefix != other_prefix
    assert owner != other_owner


def mounted(rendered: Objects) -> set[str]:
    """The Secrets that pods and KEDA read."""
    found = set()
    for _, pod in rendered.pods():
        for container in pod["spec"]["containers"]:
            for entry in container.get("env", []):
                if ref := entry.get("valueFrom", {}).get("secretKeyRef"):
                    found.add(ref["name"])
    for auth in rendered.of("TriggerAuthentication").values():
        found |= {each["name"] for each in auth["spec"]["secretTargetRef"]}
    return found


@pytest.mark.parametrize("name", ["inference-b", "scores", "b"])
def test_releases_in_one_namespace_do_not_meet(name: str) -> None:
    one, other = render(PARTS, "inference"), render(PARTS, name)
    apart(one, other)
    for each in (one, other):
        assert mounted(each) <= set(each.of("Secret"))


def test_that_check_sees_what_meets() -> None:
    one = render(PARTS, "inference")
    assert meeting(one, one)
    with pytest.raises(AssertionError):
        apart(one, render(PARTS, "inference"))


@pytest.fixture(scope="module")
def parent(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A chart that takes this one twice, each on a condition."""
    folder = tmp_path_factory.mktemp("parent") / "platform"
    shutil.copytree(CHART, folder / "charts" / "inference")
    ours = {"name": "inference", "version": "0.1.0", "repository": ""}
    chart = {
        "apiVersion": "v2",
        "name": "platform",
        "version": "1.0.0",
        "dependencies": [
            ours | {"alias": alias, "condition": f"{alias}.enabled"}
            for alias in ("scores", "fraud")
        ],
    }
    (folder / "Chart.yaml").write_text(yaml.safe_dump(chart), encoding="utf-8")
    return folder


GLOBAL: Json = {
    "global": {
        "imageRegistry": "mirror.example.com",
        "imagePullSecrets": ["login"],
        "compatibility": {"openshift": {"adaptSecurityContext": "force"}, "other": True},
        "storageClass": "fast",
        "somebody": {"elses": [1]},
    }
}


def of_alias(rendered: Objects, alias: str) -> Objects:
    found = tuple(
        each
        for each in rendered.all
        if each["metadata"]["labels"]["app.kubernetes.io/name"] == alias
    )
    return Objects("", found)


def test_a_parent_takes_the_chart_twice_under_two_aliases(parent: Path) -> None:
    rendered = render(merged(GLOBAL, {"scores": PARTS, "fraud": PARTS}), "eu", chart=parent)
    scores, fraud = of_alias(rendered, "scores"), of_alias(rendered, "fraud")
    assert len(scores.all) == len(fraud.all) == len(rendered.all) / 2 > 10
    apart(scores, fraud)
    assert keys(fraud) == {("predictions-eu-fraud", "predictions/eu-fraud")}
    for who, pod in rendered.pods():
        spec = pod["spec"]
        assert spec["imagePullSecrets"] == [{"name": "login"}], who
        assert "runAsUser" not in spec["securityContext"], who
        assert spec["containers"][0]["image"].startswith("mirror.example.com/inference-"), who


def test_a_parent_leaves_the_chart_out_by_its_condition(parent: Path) -> None:
    values = {"scores": merged(OWN_PARTS, {"enabled": True}), "fraud": {"enabled": False}}
    rendered = render(values, "eu", chart=parent)
    assert {each["metadata"]["labels"]["app.kubernetes.io/name"] for each in rendered.all} == {
        "scores"
    }


def test_a_parent_s_value_that_the_chart_does_not_know_is_refused(parent: Path) -> None:
    values = {"scores": merged(OWN_PARTS, {"replicas": 3}), "fraud": {"enabled": False}}
    with pytest.raises(Refused, match="'replicas' not allowed"):
        render(values, "eu", chart=parent)


def test_alone_a_release_keeps_the_prefix_that_it_had() -> None:
    assert keys(render(PARTS, "eu")) == {("predictions-eu", "predictions/eu")}
