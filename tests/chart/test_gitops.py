"""Argo CD and Flux: annotations are on every object, and nothing drifts between two renderings."""

import re

import pytest
import yaml

from scripts.charts.tools import CHART, output
from tests.chart.rendering import SCENARIOS, TRYOUT, Json, documents, merged, render, scenario
from tests.chart.test_prefixes import cluster, live

TEMPLATES = sorted(path for path in (CHART / "templates").rglob("*") if path.is_file())
NOTE = {"owner.example.com/team": "scores"}
FULL: Json = {
    "commonAnnotations": NOTE,
    "networkPolicy": {"metricsFrom": [{"podSelector": {}}]},
    "monitoring": {
        name: {"enabled": True}
        for name in ("serviceMonitor", "podMonitor", "dashboards", "prometheusRule")
    },
}


def own(rendered: Json) -> bool:
    """Whether an object is the chart's: those of `extraObjects` are the user's."""
    return "app.kubernetes.io/part-of" in rendered["metadata"].get("labels", {})


@pytest.mark.parametrize("name", SCENARIOS)
def test_every_object_has_the_annotations_of_all_and_no_pod_has_them(name: str) -> None:
    values = yaml.safe_load((CHART / "ci" / f"{name}-values.yaml").read_text(encoding="utf-8"))
    rendered = render(merged(values, FULL))
    objects = [each for each in rendered.all if own(each)]
    assert len(objects) > 5
    for each in objects:
        said = each["metadata"].get("annotations", {})
        assert NOTE.items() <= said.items(), (each["kind"], each["metadata"]["name"])
    for who, pod in rendered.pods():
        if not who.startswith("Pod/"):
            assert not NOTE.items() <= pod["metadata"].get("annotations", {}).items(), who


def test_components_come_in_the_order_of_their_waves() -> None:
    waves: dict[str, set[int]] = {}
    for each in scenario("gitops").all:
        component = each["metadata"]["labels"]["app.kubernetes.io/component"]
        said = each["metadata"]["annotations"].get("argocd.argoproj.io/sync-wave", "0")
        waves.setdefault(component, set()).add(int(said))
    assert {name: found for name, found in waves.items() if found != {0}} == {
        "valkey": {-2},
        "mlflow": {-2},
        "training": {-1},
        "api": {1},
    }


def test_every_component_can_be_annotated() -> None:
    """The schema names them, so that a misspelt one is refused."""
    components = {
        each["metadata"]["labels"]["app.kubernetes.io/component"]
        for name in SCENARIOS
        for each in scenario(name).all
        if own(each)
    }
    told = {"componentAnnotations": {name: {"a": "b"} for name in components}}
    assert render(merged(TRYOUT, told))


def test_what_is_nearer_wins() -> None:
    values = {
        "commonAnnotations": {"a": "all", "b": "all", "c": "all"},
        "componentAnnotations": {"api": {"b": "api", "c": "api"}},
        "api": {"service": {"annotations": {"c": "service"}}},
    }
    service = render(merged(TRYOUT, values)).one("Service", "-api")
    assert service["metadata"]["annotations"] == {"a": "all", "b": "api", "c": "service"}


def test_claims_stay_where_they_are_told_to() -> None:
    kept = scenario("gitops").of("PersistentVolumeClaim")
    assert len(kept) == 2
    for claim in kept.values():
        said = claim["metadata"]["annotations"]
        assert said["helm.sh/resource-policy"] == "keep"
        assert said["argocd.argoproj.io/sync-options"] == "Prune=false"
    for claim in scenario("tryout").of("PersistentVolumeClaim").values():
        assert "annotations" not in claim["metadata"]


@pytest.mark.parametrize("name", SCENARIOS)
def test_rendered_twice_it_is_the_same(name: str) -> None:
    values = yaml.safe_load((CHART / "ci" / f"{name}-values.yaml").read_text(encoding="utf-8"))
    assert render(values).text == scenario(name).text


def test_a_live_release_is_rendered_as_without_a_cluster() -> None:
    """Helm looks up the live key prefix alone; one that is the default's makes no difference."""
    path = "/apis/apps/v1/namespaces/predictions/deployments/inference-api"
    told = ["--namespace=predictions", "--set=tryout.enabled=true,modelCode=refuse"]
    command = ["template", "inference", str(CHART), *told]
    with cluster({path: live("predictions-inference")}) as address:
        asked = ["--dry-run=server", f"--kube-apiserver={address}", "--is-upgrade"]
        upgraded = output("helm", *command, *asked, "--disable-openapi-validation")
    assert documents(upgraded) == documents(output("helm", *command, "--kube-version=1.33.0"))


def test_no_template_asks_for_chance_the_time_or_the_kind_of_an_upgrade() -> None:
    """Each of these would be different at each rendering, or without a cluster."""
    wrong = re.compile(
        r"\b(rand\w+|uuidv4|now|genCA\w*|gen\w*(Cert|Key|Password)\w*|htpasswd|bcrypt|lookup)\b"
        r"|Release\.(IsUpgrade|IsInstall|Revision)"
    )
    code = re.compile(r"\{\{-?(?! ?/\*)(.*?)-?\}\}", re.DOTALL)
    found = [
        (path.name, match.group(0))
        for path in TEMPLATES
        for action in code.findall(path.read_text(encoding="utf-8"))
        for match in [wrong.search(re.sub(r'"[^"]*"', "", action))]
        if match
    ]
    assert found == [("_connections.tpl", "lookup"), ("_rotation.tpl", "lookup")]
