"""The monitors find the pods that the chart makes, and Prometheus may read them."""

import pytest
import yaml

from scripts.charts.tools import CHART
from tests.chart.rendering import Json, Objects, Refused, merged, render, scenario

VALUES = yaml.safe_load((CHART / "ci" / "monitoring-values.yaml").read_text(encoding="utf-8"))
elsewhere = {"monitoring": {"namespace": "monitoring", "dashboards": {"namespace": "grafana"}}}


def found_by(rendered: Objects, selector: dict[str, str]) -> dict[str, Json]:
    """The pods of a selector."""
    return {
        who: pod
        for who, pod in rendered.pods()
        if selector.items() <= pod["metadata"]["labels"].items()
    }


def ports(pods: dict[str, Json]) -> list[set[str]]:
    """The names of each pod's ports."""
    return [
        {port["name"] for container in pod["spec"]["containers"] for port in container["ports"]}
        for pod in pods.values()
    ]


def test_the_pod_monitor_finds_all_workers_and_their_port() -> None:
    values = merged(VALUES, {"api": {"defaultPool": "a"}})
    more = {"workerPools": {"a": {"modelUri": "models:/a@x"}}}
    rendered = render(merged(values, more))
    monitor = rendered.one("PodMonitor")["spec"]
    pods = found_by(rendered, monitor["selector"]["matchLabels"])
    assert set(pods) == {
        "Deployment/inference-worker-a",
        "Deployment/inference-worker-match-outcome",
    }
    (endpoint,) = monitor["podMetricsEndpoints"]
    assert all(endpoint["port"] in names for names in ports(pods))
    assert endpoint["path"] == "/metrics"


def test_the_service_monitor_finds_the_gateways_service_and_its_port() -> None:
    rendered = scenario("monitoring")
    monitor = rendered.one("ServiceMonitor")["spec"]
    wanted = monitor["selector"]["matchLabels"].items()
    (service,) = [
        each
        for each in rendered.of("Service").values()
        if wanted <= each["metadata"]["labels"].items()
    ]
    (endpoint,) = monitor["endpoints"]
    (port,) = service["spec"]["ports"]
    assert (endpoint["port"], endpoint["path"]) == (port["name"], "/metrics")
    pods = found_by(rendered, service["spec"]["selector"])
    assert list(pods) == ["Deployment/inference-api"]
    assert port["targetPort"] in ports(pods)[0]


@pytest.mark.parametrize("kind", ["ServiceMonitor", "PodMonitor"])
def test_a_monitor_in_another_namespace_looks_at_this_one(kind: str) -> None:
    for rendered in (scenario("monitoring"), render(merged(VALUES, elsewhere))):
        assert rendered.one(kind)["spec"]["namespaceSelector"] == {"matchNames": ["predictions"]}


def test_prometheus_s_objects_and_grafana_s_are_where_their_readers_look() -> None:
    rendered = render(merged(VALUES, elsewhere))
    for kind in ("ServiceMonitor", "PodMonitor", "PrometheusRule"):
        for each in rendered.of(kind).values():
            assert each["metadata"]["namespace"] == "monitoring"
            assert each["metadata"]["labels"]["release"] == "kube-prometheus-stack"
    maps = [name for name in rendered.of("ConfigMap") if "dashboard" in name]
    assert len(maps) == 4
    for name in maps:
        assert rendered.of("ConfigMap")[name]["metadata"]["namespace"] == "grafana"


def test_nothing_of_it_is_rendered_unless_a_flag_says_so() -> None:
    none = {
        "serviceMonitor": {"enabled": False},
        "podMonitor": {"enabled": False},
        "dashboards": {"enabled": False},
        "prometheusRule": {"enabled": False},
    }
    rendered = render(merged(VALUES, {"monitoring": none}))
    kinds = {each["kind"] for each in rendered.all}
    assert not kinds & {"ServiceMonitor", "PodMonitor", "PrometheusRule"}
    assert not [name for name in rendered.of("ConfigMap") if "dashboard" in name]


def test_prometheus_may_read_gateways_and_workers() -> None:
    rendered = scenario("monitoring")
    (prometheus,) = VALUES["networkPolicy"]["metricsFrom"]
    for name, port in (("api", "http"), ("worker", "probes")):
        (rule,) = rendered.of("NetworkPolicy")[f"inference-{name}"]["spec"]["ingress"]
        assert prometheus in rule["from"]
        assert [each["port"] for each in rule["ports"]] == [port]


def test_a_pod_monitor_that_no_network_policy_lets_in_is_refused() -> None:
    shut = merged(VALUES, {"networkPolicy": {"metricsFrom": []}})
    with pytest.raises(Refused, match=r"networkPolicy\.metricsFrom lets nobody"):
        render(shut)
    render(merged(shut, {"networkPolicy": {"enabled": False}}))


def test_a_base_of_the_runbook_has_no_anchor() -> None:
    base = {"monitoring": {"prometheusRule": {"runbookBaseUrl": "https://wiki/x#y"}}}
    with pytest.raises(Refused, match="which each alert adds with its own name"):
        render(merged(VALUES, base))
