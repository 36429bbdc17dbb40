"""Tests the places where two sides must say the same.

The sides are the settings that the chart gives the programs, the settings that they read, and the
use that Kubernetes and KEDA make of them.
"""

from typing import Any

import pytest

from app.background.worker_pods import POOL_LABEL
from app.settings import GatewaySettings
from examples.football.gateway.settings import LookupSettings
from inference.blobs.blob_store import Folder, payloads_at
from inference.settings import ContractSettings
from scripts.charts.tools import ROOT
from tests.chart.programs import pools, read, with_urls
from tests.chart.rendering import (
    SCENARIOS,
    TRYOUT,
    Json,
    containers,
    merged,
    render,
    scenario,
)
from tests.chart.test_tracing import OPENTELEMETRY
from worker.settings import WorkerSettings


@with_urls
def test_the_programs_take_what_they_are_told(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    rendered = scenario(name)
    told: list[tuple[Any, Any, Json]] = [
        (GatewaySettings, LookupSettings.model_fields, rendered.one("Deployment", "api")),
        *((WorkerSettings, (), each) for each in pools(rendered).values()),
    ]
    for kind, more, deployment in told:
        with monkeypatch.context() as patch:
            settings = read(kind, rendered, deployment, patch)
        names = {
            entry["name"]
            for entry in deployment["spec"]["template"]["spec"]["containers"][0]["env"]
        }
        known = (
            {field.upper() for field in (*kind.model_fields, *more)}
            | {"HOME", "LOG_EXTRA"}
            | OPENTELEMETRY
        )
        assert names <= known, "a variable that nothing reads"
        assert settings.key_prefix in ("predictions-inference", "scores")


@with_urls
def test_gateways_and_workers_agree(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    rendered = scenario(name)
    told = []
    for deployment in [rendered.one("Deployment", "api"), *pools(rendered).values()]:
        with monkeypatch.context() as patch:
            told.append(read(ContractSettings, rendered, deployment, patch))
    assert all(each == told[0] for each in told)


def test_the_gateway_serves_the_enabled_pools_the_chosen_one_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rendered = scenario("many")
    gateway = read(GatewaySettings, rendered, rendered.one("Deployment", "api"), monkeypatch)
    steady = {"steady": "models:/steady@champion", "steady-next": "models:/steady@next"}
    assert gateway.pools == {"ranking": "models:/ranking/7"} | steady


@with_urls
def test_a_worker_serves_its_pool_s_model_and_its_pod_says_so(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    rendered = scenario(name)
    for pool, deployment in pools(rendered).items():
        with monkeypatch.context() as patch:
            settings = read(WorkerSettings, rendered, deployment, patch)
        labels = deployment["spec"]["template"]["metadata"]["labels"]
        assert (labels[POOL_LABEL], labels["inference/model"]) == (
            settings.model,
            settings.model_name,
        )
        assert settings.model == pool
        assert settings.worker_id == "metadata.name"


def test_secrets_of_ones_own_are_used_and_none_is_made() -> None:
    rendered = scenario("production")
    assert not rendered.of("Secret")
    for deployment in rendered.of("Deployment").values():
        (container,) = deployment["spec"]["template"]["spec"]["containers"]
        env = {
            entry["name"]: entry.get("valueFrom", {}).get("secretKeyRef")
            for entry in container["env"]
        }
        assert env["STORE_URL"] == env["BROKER_URL"] == {"name": "inference-store", "key": "url"}
        assert container["envFrom"] == [{"secretRef": {"name": "inference-mlflow"}}]


@pytest.mark.parametrize("name", SCENARIOS)
def test_ports_are_those_that_the_programs_listen_on(name: str) -> None:
    rendered = scenario(name)
    gateway = rendered.one("Deployment", "api")["spec"]["template"]["spec"]["containers"][0]
    expected = [
        (gateway, "app", "8000"),
        *(
            (each["spec"]["template"]["spec"]["containers"][0], "worker", "8081")
            for each in pools(rendered).values()
        ),
    ]
    for container, folder, number in expected:
        (port,) = container["ports"]
        assert str(port["containerPort"]) == number
        assert f"EXPOSE {number}\n" in (ROOT / folder / "Dockerfile").read_text(encoding="utf-8")
        assert {
            container[probe]["httpGet"]["port"]
            for probe in ("startupProbe", "livenessProbe", "readinessProbe")
        } == {port["name"]}
        told = {entry["name"]: entry.get("value") for entry in container["env"]}
        assert told.get("PROBE_PORT", number) == number
        assert container["livenessProbe"]["httpGet"]["path"] == "/livez"
        assert container["readinessProbe"]["httpGet"]["path"] == "/readyz"
    service = rendered.one("Service", "api")["spec"]["ports"][0]
    assert service["targetPort"] == gateway["ports"][0]["name"]


def test_the_gateway_may_list_just_the_workers_of_this_release() -> None:
    rendered = scenario("tryout")
    gateway = rendered.one("Deployment", "api")["spec"]["template"]["spec"]["containers"][0]
    selector = dict(
        term.split("=") for term in rendered.environment(gateway)["POD_SELECTOR"].split(",")
    )
    picked = {
        who for who, pod in rendered.pods() if selector.items() <= pod["metadata"]["labels"].items()
    }
    assert picked == {"Deployment/inference-worker-match-outcome"}


def test_the_trial_s_store_keeps_what_it_accepts() -> None:
    arguments = scenario("tryout").one("StatefulSet", "valkey")["spec"]["template"]["spec"][
        "containers"
    ][0]["args"]
    options = dict(zip(arguments[::2], arguments[1::2], strict=True))
    assert (options["--appendonly"], options["--appendfsync"], options["--maxmemory-policy"]) == (
        "yes",
        "always",
        "noeviction",
    )
    for service, url in (
        ("valkey", "redis://inference-valkey:6379/0"),
        ("mlflow", "http://inference-mlflow:5000"),
    ):
        port = scenario("tryout").one("Service", service)["spec"]["ports"][0]["port"]
        assert f"://inference-{service}:{port}" in url
        gateway = scenario("tryout").one("Deployment", "api")["spec"]["template"]["spec"][
            "containers"
        ][0]
        assert url in scenario("tryout").environment(gateway).values()


def test_workers_mount_the_claim_for_models_where_their_setting_says(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rendered = render(
        merged(TRYOUT, {"workerPoolDefaults": {"modelCache": {"existingClaim": "shared"}}})
    )
    for deployment in pools(rendered).values():
        with monkeypatch.context() as patch:
            folder = read(WorkerSettings, rendered, deployment, patch).model_cache_dir
        pod = deployment["spec"]["template"]["spec"]
        (mount,) = [
            each for each in pod["containers"][0]["volumeMounts"] if each["name"] == "models"
        ]
        (volume,) = [each for each in pod["volumes"] if each["name"] == "models"]
        assert (mount["mountPath"], volume["persistentVolumeClaim"]) == (
            folder,
            {"claimName": "shared"},
        )


def test_gateways_and_workers_mount_the_folder_of_large_payloads_where_their_setting_says(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rendered = render(
        merged(TRYOUT, {"payloads": {"url": "file:///srv/payloads", "existingClaim": "shared"}})
    )
    for deployment in [rendered.one("Deployment", "api"), *pools(rendered).values()]:
        with monkeypatch.context() as patch:
            folder = payloads_at(
                read(ContractSettings, rendered, deployment, patch).payload_url, "inference"
            )
        pod = deployment["spec"]["template"]["spec"]
        (mount,) = [
            each for each in pod["containers"][0]["volumeMounts"] if each["name"] == "payloads"
        ]
        assert isinstance(folder, Folder)
        assert mount["mountPath"] == str(folder.root) == "/srv/payloads"
        (volume,) = [each for each in pod["volumes"] if each["name"] == "payloads"]
        assert volume["persistentVolumeClaim"] == {"claimName": "shared"}


def test_an_object_store_s_keys_come_from_a_secret() -> None:
    rendered = scenario("many")
    for deployment in [rendered.one("Deployment", "api"), *pools(rendered).values()]:
        container = deployment["spec"]["template"]["spec"]["containers"][0]
        assert {"secretRef": {"name": "bucket-keys"}} in container["envFrom"]
        assert rendered.environment(container)["PAYLOAD_URL"] == "s3://predictions/large"


def test_no_variable_is_there_twice() -> None:
    for name in SCENARIOS:
        for who, pod in scenario(name).pods():
            for container in containers(pod):
                names = [entry["name"] for entry in container.get("env", [])]
                assert len(names) == len(set(names)), who
