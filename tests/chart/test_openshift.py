"""OpenShift admits every pod: its restricted-v2 as a function, and what it fills in.

The rules are those of
https://docs.redhat.com/en/documentation/openshift_container_platform/4.17/html/authentication_and_authorization/managing-pod-security-policies
"""

from collections.abc import Iterator

import pytest

from tests.chart.rendering import OWN_PARTS, TRYOUT, Json, containers, merged, render, scenario
from tests.chart.test_security import VOLUMES

RANGE = range(1_000_640_000, 1_000_650_000)
"""Of users, and of groups for `fsGroup`: those of the namespace."""

FORCE = {"global": {"compatibility": {"openshift": {"adaptSecurityContext": "force"}}}}
DISABLED = {"global": {"compatibility": {"openshift": {"adaptSecurityContext": "disabled"}}}}
ASK = "--api-versions=security.openshift.io/v1"


def refusals(pod: Json) -> Iterator[str]:
    """What restricted-v2 refuses of a pod."""
    spec = pod["spec"]
    yield from sorted({"hostNetwork", "hostPID", "hostIPC"} & set(spec))
    yield from (str(volume) for volume in spec.get("volumes", []) if set(volume) - VOLUMES)
    context = spec["securityContext"]
    if not {context.get("fsGroup", RANGE[0]), *context.get("supplementalGroups", [])} <= set(RANGE):
        yield "fsGroup"
    for inner in (context, *(each["securityContext"] for each in containers(pod))):
        if inner.get("runAsUser", RANGE[0]) not in RANGE:
            yield "runAsUser"
        if inner.get("seccompProfile", {"type": "RuntimeDefault"}) != {"type": "RuntimeDefault"}:
            yield "seccompProfile"
        if "seLinuxOptions" in inner:
            yield "seLinuxOptions"
    for each in containers(pod):
        inner = each["securityContext"]
        if inner.get("privileged") or inner.get("allowPrivilegeEscalation"):
            yield "privileges"
        if set(inner["capabilities"].get("add", [])) - {"NET_BIND_SERVICE"}:
            yield "capabilities"
        yield from ("hostPort" for port in each.get("ports", []) if "hostPort" in port)


def test_every_pod_is_admitted_and_gets_its_user_from_the_namespace() -> None:
    pods = dict(scenario("openshift").pods())
    assert len(pods) >= 8
    for who, pod in pods.items():
        assert list(refusals(pod)) == [], who
        context = pod["spec"]["securityContext"]
        assert not {"runAsUser", "runAsGroup", "fsGroup"} & set(context), who
        assert context["runAsNonRoot"] is True, who


def test_elsewhere_the_image_s_user_is_told_which_openshift_would_refuse() -> None:
    for who, pod in scenario("tryout-rabbitmq").pods():
        assert set(refusals(pod)) == {"fsGroup", "runAsUser"}, who


def test_where_the_cluster_has_openshift_s_api_nothing_needs_to_be_told() -> None:
    for values, admitted in ((TRYOUT, True), (merged(TRYOUT, DISABLED), False)):
        for who, pod in render(values, options=(ASK,)).pods():
            assert (list(refusals(pod)) == []) is admitted, who


def test_policies_let_pods_reach_its_dns_behind_the_service() -> None:
    for name, expected in (("openshift", {53, 5353}), ("tryout", {53})):
        for component in ("-api", "-worker", "-training", "-batch"):
            (rule,) = [
                rule
                for rule in scenario(name).one("NetworkPolicy", component)["spec"]["egress"]
                if any(port["protocol"] == "UDP" for port in rule["ports"])
            ]
            assert {port["port"] for port in rule["ports"]} == expected


@pytest.mark.parametrize("mode", [{}, FORCE])
def test_a_user_who_was_asked_for_stays(mode: Json) -> None:
    asked = {"runAsUser": RANGE[7], "fsGroup": RANGE[8], "runAsGroup": None}
    rendered = render(merged(OWN_PARTS, mode, {"podSecurityContext": asked}))
    for who, pod in rendered.pods():
        context = pod["spec"]["securityContext"]
        assert (context["runAsUser"], context["fsGroup"]) == (RANGE[7], RANGE[8]), who
        assert "runAsGroup" not in context, who
        assert list(refusals(pod)) == [], who
