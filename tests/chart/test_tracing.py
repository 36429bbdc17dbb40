"""Traces: gateways and workers are told the same collector, and may reach it."""

import pytest
from opentelemetry.sdk.trace import TracerProvider

from inference.telemetry.tracing import wanted
from tests.chart.programs import pools
from tests.chart.rendering import OWN_PARTS, Json, Objects, merged, render

ENDPOINT, SHARE = "OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_TRACES_SAMPLER_ARG"
HEADERS = "OTEL_EXPORTER_OTLP_HEADERS"
OPENTELEMETRY = {ENDPOINT, "OTEL_TRACES_SAMPLER", SHARE, HEADERS}
"""What the chart may tell OpenTelemetry's SDK, which reads these itself."""

TRACED = {"tracing": {"endpoint": "https://collector:4318/otlp", "ratio": 0.5}}


def told(rendered: Objects) -> list[dict[str, Json]]:
    """What each program is told about traces."""
    deployments = [rendered.one("Deployment", "api"), *pools(rendered).values()]
    containers = [each["spec"]["template"]["spec"]["containers"][0] for each in deployments]
    assert len(containers) > 1
    return [
        {one["name"]: one for one in container["env"] if one["name"].startswith("OTEL_")}
        for container in containers
    ]


def test_without_a_collector_no_program_makes_traces() -> None:
    assert not any(told(render(OWN_PARTS)))


def test_all_programs_are_told_what_the_sdk_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    first, *others = told(render(merged(OWN_PARTS, TRACED)))
    assert all(other == first for other in others)
    assert first.keys() == OPENTELEMETRY - {HEADERS}
    for name, entry in first.items():
        monkeypatch.setenv(name, entry["value"])
    assert wanted()
    sampler = TracerProvider(shutdown_on_exit=False).sampler.get_description()
    assert sampler.startswith("ParentBased{root:TraceIdRatioBased{0.5}")


def test_the_headers_for_the_collector_come_from_a_secret() -> None:
    values = merged(TRACED, {"tracing": {"existingSecret": "collector"}})
    for each in told(render(merged(OWN_PARTS, values))):
        reference = each[HEADERS]["valueFrom"]["secretKeyRef"]
        assert reference == {"name": "collector", "key": "headers"}


def test_all_programs_may_reach_the_collector_and_no_other_port_is_opened() -> None:
    def ports(values: Json) -> dict[str, set[int]]:
        return {
            name: {
                port["port"] for rule in found["spec"].get("egress", []) for port in rule["ports"]
            }
            for name, found in render(merged(OWN_PARTS, values)).of("NetworkPolicy").items()
        }

    without, with_it = ports({}), ports(TRACED)
    opened = {name: found - without[name] for name, found in with_it.items()}
    assert sorted(map(sorted, opened.values())) == [[4318]] * len(opened)
