"""Tests the chart against Pod Security "restricted", and beyond it.

The standard does not ask about secrets, rights, and who may talk to whom; the tests do.
"""

import json

import pytest

from scripts.charts.tools import ROOT
from tests.chart.rendering import OWN_PARTS, SCENARIOS, Json, containers, render, scenario

every_scenario = pytest.mark.parametrize("name", SCENARIOS)
VOLUMES = {
    "name",
    "configMap",
    "csi",
    "downwardAPI",
    "emptyDir",
    "ephemeral",
    "image",
    "persistentVolumeClaim",
    "projected",
    "secret",
}


@every_scenario
def test_pods_are_restricted(name: str) -> None:
    """Every pod keeps each rule of the Pod Security Standards at its strictest level.

    The rules are those of https://kubernetes.io/docs/concepts/security/pod-security-standards/.
    """
    for who, pod in scenario(name).pods():
        spec = pod["spec"]
        assert not {"hostNetwork", "hostPID", "hostIPC"} & set(spec), who
        assert all(set(volume) <= VOLUMES for volume in spec.get("volumes", [])), who
        assert spec["securityContext"]["runAsNonRoot"] is True, who
        assert spec["securityContext"].get("runAsUser", 10001) > 0, who
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}, who
        for container in containers(pod):
            context = container["securityContext"]
            assert context["allowPrivilegeEscalation"] is False, who
            assert context["capabilities"] == {"drop": ["ALL"]}, who
            assert not {
                "privileged",
                "procMount",
                "runAsUser",
                "runAsNonRoot",
                "seccompProfile",
            } & set(context), who
            assert all("hostPort" not in port for port in container.get("ports", [])), who


@every_scenario
def test_beyond_restricted_roots_are_read_only_memory_is_bounded_and_images_are_named(
    name: str,
) -> None:
    for who, pod in scenario(name).pods():
        assert pod["spec"]["enableServiceLinks"] is False, who
        for container in containers(pod):
            assert container["securityContext"]["readOnlyRootFilesystem"] is True, who
            assert "memory" in container["resources"]["limits"], who
            assert "cpu" in container["resources"]["requests"], who
            tag = container["image"].rpartition(":")[2]
            assert tag not in ("", "latest", container["image"]), who


def test_the_user_is_the_one_that_the_images_have() -> None:
    for dockerfile in ("app/Dockerfile", "worker/Dockerfile", "k8s/tryout/Dockerfile"):
        assert "\nUSER 10001:10001\n" in (ROOT / dockerfile).read_text(encoding="utf-8")
    for who, pod in scenario("tryout").pods():
        context = pod["spec"]["securityContext"]
        assert {context["runAsUser"], context["runAsGroup"], context["fsGroup"]} == {10001}, who


@every_scenario
def test_only_the_gateway_has_a_token_and_only_to_read_pods(name: str) -> None:
    rendered = scenario(name)
    with_token = [
        who for who, pod in rendered.pods() if pod["spec"]["automountServiceAccountToken"]
    ]
    reads = bool(rendered.of("Role"))
    assert reads or name not in ("tryout", "production")
    assert not reads or name not in ("bare", "many")
    assert with_token == (["Deployment/inference-api"] if reads else [])
    rules = [rule for role in rendered.of("Role").values() for rule in role["rules"]]
    assert rules == (
        [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list"]}] if reads else []
    )
    assert not rendered.of("ClusterRole")
    for binding in rendered.of("RoleBinding").values():
        assert binding["subjects"] == [
            {"kind": "ServiceAccount", "name": "inference-api", "namespace": "predictions"}
        ]


def test_no_password_is_anywhere_but_in_secrets() -> None:
    for each in scenario("many").all:
        if each["kind"] != "Secret":
            assert "p%40ss" not in json.dumps(each)
            assert "p@ss" not in json.dumps(each)
            assert ":tickets" not in json.dumps(each)


def peers(rule: Json, end: str) -> set[str]:
    """Whom a rule names: components of this release, or namespaces."""
    found = set()
    for peer in rule.get(end, [{}]):
        labels = (peer.get("podSelector") or peer.get("namespaceSelector") or {}).get(
            "matchLabels", {}
        )
        found.add(
            labels.get("app.kubernetes.io/component")
            or labels.get("kubernetes.io/metadata.name")
            or json.dumps(peer)
        )
    return found


def arrows(policy: Json) -> tuple[dict[str, set[str]], dict[str, set[str]]]:
    """Who may come in and who may be called, by port."""

    def by_port(rules: list[Json], end: str) -> dict[str, set[str]]:
        return {str(port["port"]): peers(rule, end) for rule in rules for port in rule["ports"]}

    return by_port(policy["spec"]["ingress"], "from"), by_port(policy["spec"]["egress"], "to")


def test_in_a_trial_just_the_arrows_of_the_picture_are_open() -> None:
    rendered = scenario("tryout")
    anywhere = {"{}"}
    inner = {"53": anywhere, "6379": {"valkey"}, "5000": {"mlflow"}}
    expected = {
        "api": ({"http": anywhere}, inner | {"443": anywhere, "6443": anywhere}),
        "worker": ({}, inner),
        "valkey": ({"valkey": {"api", "worker", "keda"}}, {}),
        "mlflow": ({"http": {"api", "worker", "training", "batch"}}, {}),
        "batch": ({}, {"53": anywhere, "5000": {"mlflow"}}),
        "training": ({}, {"53": anywhere, "5000": {"mlflow"}}),
    }
    found = {
        policy["metadata"]["name"].removeprefix("inference-"): arrows(policy)
        for policy in rendered.of("NetworkPolicy").values()
    }
    assert found == expected
    covered = {
        policy["spec"]["podSelector"]["matchLabels"]["app.kubernetes.io/component"]
        for policy in rendered.of("NetworkPolicy").values()
    }
    components = {
        pod["metadata"]["labels"]["app.kubernetes.io/component"] for _, pod in rendered.pods()
    }
    assert components - covered == {"test"}


def test_in_a_trial_on_rabbitmq_only_gateways_and_workers_reach_it() -> None:
    rendered = scenario("tryout-rabbitmq")
    assert arrows(rendered.one("NetworkPolicy", "rabbitmq")) == ({"amqp": {"api", "worker"}}, {})
    for component in ("api", "worker"):
        outgoing = arrows(rendered.one("NetworkPolicy", component))[1]
        assert (outgoing["5672"], outgoing["6379"]) == ({"rabbitmq"}, {"valkey"})
    training = arrows(rendered.one("NetworkPolicy", "training"))[1]
    assert set(training) == {"53", "5000"}


def test_with_parts_elsewhere_their_ports_come_from_their_urls() -> None:
    worker = scenario("many").one("NetworkPolicy", "worker")
    incoming, outgoing = arrows(worker)
    assert incoming == {"probes": {"monitoring"}}
    assert set(outgoing) == {"53", "6380", "6379", "8080", "9000", "443", "4318"}
    assert outgoing["6380"] != outgoing["6379"], "store and broker are in different places"
    api = scenario("many").one("NetworkPolicy", "api")
    assert "test" in arrows(api)[0]["http"], "helm test must get through"


@pytest.mark.parametrize(
    ("uri", "port"),
    [("http://mlflow", "80"), ("https://mlflow/x", "443"), ("http://mlflow:5001/x", "5001")],
)
def test_the_registry_s_port(uri: str, port: str) -> None:
    rendered = render(OWN_PARTS | {"mlflow": {"trackingUri": uri}})
    assert port in arrows(rendered.one("NetworkPolicy", "worker"))[1]
