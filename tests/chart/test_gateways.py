"""How gateways are scaled and reached."""

import pytest

from app.settings import GatewaySettings
from tests.chart.rendering import OWN_PARTS, SCENARIOS, Json, merged, render, scenario


def api(**values: object) -> Json:
    return {"api": values}


def test_an_hpa_goes_by_the_gateway_s_container_and_owns_the_number() -> None:
    rendered = render(merged(OWN_PARTS, api(autoscaling={"enabled": True})))
    spec = rendered.one("HorizontalPodAutoscaler")["spec"]
    deployment = rendered.one("Deployment", "-api")
    assert spec["scaleTargetRef"]["name"] == deployment["metadata"]["name"]
    assert "replicas" not in deployment["spec"]
    assert (spec["minReplicas"], spec["maxReplicas"]) == (2, 10)
    (metric,) = spec["metrics"]
    own = deployment["spec"]["template"]["spec"]["containers"][0]
    assert metric["containerResource"] == {
        "name": "cpu",
        "container": own["name"],
        "target": {"type": "Utilization", "averageUtilization": 70},
    }
    assert "cpu" in own["resources"]["requests"], "an HPA knows no share of nothing"


def test_with_triggers_keda_scales_the_gateways_and_there_is_no_hpa_of_ours() -> None:
    rendered = scenario("extended")
    assert not rendered.of("HorizontalPodAutoscaler")
    spec = rendered.of("ScaledObject")["inference-api"]["spec"]
    assert spec["scaleTargetRef"]["name"] == "inference-api"
    assert spec["minReplicaCount"] >= 1, "with none nobody would answer"
    assert [each["type"] for each in spec["triggers"]] == ["prometheus"]
    assert "replicas" not in rendered.one("Deployment", "-api")["spec"]


def test_an_ingress_and_a_route_lead_to_the_service() -> None:
    rendered = scenario("reached")
    service = rendered.one("Service", "-api")
    (port,) = service["spec"]["ports"]
    name = service["metadata"]["name"]
    for rule in rendered.one("Ingress")["spec"]["rules"]:
        for path in rule["http"]["paths"]:
            assert path["backend"]["service"] == {"name": name, "port": {"name": port["name"]}}
    for rule in rendered.one("HTTPRoute")["spec"]["rules"]:
        assert rule["backendRefs"] == [{"name": name, "port": port["port"]}]


@pytest.mark.parametrize(
    ("env", "longest_s"),
    [({}, 60), ({"SYNC_SLO_S": 90}, 90), ({"SYNC_SLO_S": {"valueFrom": {}}}, 600)],
)
def test_a_route_lets_the_longest_wait_pass(env: Json, longest_s: int) -> None:
    route = {"enabled": True, "parentRefs": [{"name": "public"}]}
    rendered = render(merged(OWN_PARTS, api(httpRoute=route, env=env)))
    (rule,) = rendered.one("HTTPRoute")["spec"]["rules"]
    arrival_s = GatewaySettings.model_fields["arrival_timeout_s"].default
    for name in ("request", "backendRequest"):
        assert int(rule["timeouts"][name].removesuffix("s")) > longest_s + arrival_s


def test_what_a_route_s_rule_says_goes_before_the_default() -> None:
    rules: list[Json] = [
        {"matches": [{"path": {"type": "PathPrefix", "value": "/predict"}}]},
        {"timeouts": {}},
    ]
    route: Json = {"enabled": True, "parentRefs": [{"name": "public"}], "rules": rules}
    route["timeouts"] = {"request": "20s"}
    rendered = render(merged(OWN_PARTS, api(httpRoute=route)))
    first, second = rendered.one("HTTPRoute")["spec"]["rules"]
    assert first["matches"] == rules[0]["matches"]
    assert first["timeouts"] == second["timeouts"] == {"request": "20s", "backendRequest": "135s"}


def test_a_service_says_of_a_load_balancer_what_the_values_say_and_else_nothing() -> None:
    spec = scenario("reached").one("Service", "-api")["spec"]
    assert spec["loadBalancerClass"] == "service.k8s.aws/nlb"
    assert spec["loadBalancerSourceRanges"] == ["10.0.0.0/8"]
    assert spec["externalTrafficPolicy"] == "Local"
    assert spec["trafficDistribution"] == "PreferClose"
    assert spec["ports"][0]["nodePort"] == 30080
    assert set(scenario("production").one("Service", "-api")["spec"]) == {
        "type",
        "selector",
        "ports",
    }


@pytest.mark.parametrize("name", [each for each in SCENARIOS if each not in ("bare", "reached")])
def test_a_broken_pod_never_holds_a_drain_up(name: str) -> None:
    budgets = scenario(name).of("PodDisruptionBudget")
    assert budgets
    for budget in budgets.values():
        assert budget["spec"]["unhealthyPodEvictionPolicy"] == "AlwaysAllow"


def test_a_budget_may_hold_broken_pods_if_a_user_wants_it() -> None:
    budget = scenario("reached").of("PodDisruptionBudget")["inference-api"]
    assert budget["spec"]["unhealthyPodEvictionPolicy"] == "IfHealthyBudget"


def test_a_stopping_gateway_takes_connections_until_load_balancers_know() -> None:
    pod = scenario("production").one("Deployment", "-api")["spec"]["template"]["spec"]
    assert pod["containers"][0]["lifecycle"]["preStop"]["sleep"]["seconds"] == 15
