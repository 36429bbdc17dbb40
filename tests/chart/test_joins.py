"""Where two sides must say the same: what the chart tells the programs, what they read, and what
Kubernetes and KEDA do by it.
"""

import re
from typing import Any

import pytest
import redis

from app.background.worker_pods import POOL_LABEL
from app.settings import GatewaySettings
from examples.football.gateway.settings import LookupSettings
from inference.blobs.blob_store import Folder, payloads_at
from inference.ids import new_task_id
from inference.limits import Limits
from inference.records import PredictionRequest
from inference.settings import ContractSettings, read_settings
from inference.store.redis import RedisWorkerStore
from inference.store.redis.commands import Commands
from inference.store.redis.sync_client import connect
from scripts.charts.tools import ROOT
from testkit.servers import Valkey
from tests.chart.rendering import (
    OWN_PARTS,
    SCENARIOS,
    TRYOUT,
    Json,
    Objects,
    containers,
    merged,
    render,
    scenario,
)
from worker.settings import RUN_MARGIN_S, WorkerSettings

with_urls = pytest.mark.parametrize("name", [name for name in SCENARIOS if name != "production"])


def pools(rendered: Objects) -> dict[str, Json]:
    """The Deployments of workers, by pool."""
    found = [
        each
        for each in rendered.of("Deployment").values()
        if "inference/pool" in each["metadata"]["labels"]
    ]
    return {each["metadata"]["labels"]["inference/pool"]: each for each in found}


def said(url: str) -> Json:
    """What a URL says to the programs' own client."""
    return dict(redis.Redis.from_url(url).connection_pool.connection_kwargs)


def read(kind: Any, rendered: Objects, deployment: Json, monkeypatch: pytest.MonkeyPatch) -> Any:
    """What a program reads when it starts in that pod; it refuses what it would refuse there."""
    for name, value in rendered.environment(
        deployment["spec"]["template"]["spec"]["containers"][0]
    ).items():
        monkeypatch.setenv(name, value)
    return read_settings(kind)


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
        known = {field.upper() for field in (*kind.model_fields, *more)} | {"HOME", "LOG_EXTRA"}
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


def test_keda_reads_the_key_in_which_the_store_counts_what_is_outstanding(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("tryout", "many"):
        rendered = scenario(name)
        for scaled in rendered.of("ScaledObject").values():
            deployment = rendered.of("Deployment")[scaled["spec"]["scaleTargetRef"]["name"]]
            with monkeypatch.context() as patch:
                settings = read(WorkerSettings, rendered, deployment, patch)
            (trigger,) = scaled["spec"]["triggers"]
            key = (
                Commands(settings.key_prefix, settings.limits).prefix(settings.model)
                + ":outstanding"
            )
            assert (trigger["type"], trigger["metadata"]["listName"]) == ("redis", key)
            database = said(settings.store_url).get("db", 0)
            assert trigger["metadata"]["databaseIndex"] == str(database)


def test_what_is_submitted_is_counted_there_by_the_command_that_keda_uses(valkey: Valkey) -> None:
    """KEDA asks for a key's type and takes ZCARD of a sorted set: facts of its redis scaler, 2.20
    and newer.
    """
    commands = Commands("predictions-inference", Limits())
    store = RedisWorkerStore(connect(valkey.url(), 2.0), commands)
    store.run(
        commands.submit(PredictionRequest(new_task_id("match-outcome"), "match-outcome", b"{}"))
    )
    key = scenario("tryout").one("ScaledObject")["spec"]["triggers"][0]["metadata"]["listName"]
    client = redis.Redis.from_url(valkey.url())
    assert (client.type(key), client.zcard(key)) == (b"zset", 1)


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("redis://cache", "cache.predictions.svc:6379"),
        ("rediss://us%40er:p%40ss%2Fw:o%23rd@cache:6380/3", "cache.predictions.svc:6380"),
        ("redis://:only-a-password@cache.databases.svc:7000/0", "cache.databases.svc:7000"),
        ("redis://10.1.2.3:6379/15?health_check_interval=5", "10.1.2.3:6379"),
        ("redis://[fd00::1]:6379", "[fd00::1]:6379"),
    ],
)
def test_keda_is_told_what_the_store_s_url_says(url: str, address: str) -> None:
    rendered = render(merged(OWN_PARTS, {"store": {"url": url}}))
    secret = rendered.secret("inference-store")
    parsed = said(url)
    assert (secret["url"], secret["address"]) == (url, address)
    assert (secret.get("username"), secret.get("password")) == (
        parsed.get("username"),
        parsed.get("password"),
    )
    trigger = rendered.one("ScaledObject")["spec"]["triggers"][0]
    assert trigger["metadata"].get("enableTLS") == ("true" if url.startswith("rediss") else None)
    (authentication,) = rendered.of("TriggerAuthentication").values()
    assert trigger["authenticationRef"]["name"] == authentication["metadata"]["name"]
    targets = authentication["spec"]["secretTargetRef"]
    assert {(each["parameter"], each["key"]) for each in targets} == {
        (key, key) for key in ("address", "username", "password")
    }
    assert {each["name"] for each in targets} == {"inference-store"}


@pytest.mark.parametrize(
    ("store", "broker"),
    [
        ("redis://cache", "redis://cache/1"),
        (
            "rediss://:p%2Fw@cache:6380/3?ssl_cert_reqs=none",
            "rediss://:p%2Fw@cache:6380/1?ssl_cert_reqs=none",
        ),
    ],
)
def test_the_broker_is_the_store_s_server_unless_told(store: str, broker: str) -> None:
    assert (
        render(merged(OWN_PARTS, {"store": {"url": store}})).secret("inference-broker")["url"]
        == broker
    )


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


@with_urls
def test_a_worker_is_never_killed_before_its_drain_is_over(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    rendered = scenario(name)
    for deployment in pools(rendered).values():
        with monkeypatch.context() as patch:
            settings = read(WorkerSettings, rendered, deployment, patch)
        grace = deployment["spec"]["template"]["spec"]["terminationGracePeriodSeconds"]
        assert grace >= settings.drain_timeout_s + 4 * settings.store_timeout_s + 10


def test_unless_told_a_drain_lets_any_run_end(monkeypatch: pytest.MonkeyPatch) -> None:
    rendered = scenario("many")
    settings = read(WorkerSettings, rendered, pools(rendered)["ranking"], monkeypatch)
    assert (
        settings.drain_timeout_s
        >= settings.max_batch_wait_ms / 1000 + settings.run_limit_s + RUN_MARGIN_S
    )


@with_urls
def test_a_worker_has_the_time_to_start_that_it_takes_itself(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    rendered = scenario(name)
    for deployment in pools(rendered).values():
        with monkeypatch.context() as patch:
            settings = read(WorkerSettings, rendered, deployment, patch)
        (container,) = deployment["spec"]["template"]["spec"]["containers"]
        probe = container["startupProbe"]
        longest = 3 * settings.start_timeout_s + settings.load_timeout_s
        assert probe["periodSeconds"] * probe["failureThreshold"] > longest
        assert deployment["spec"]["progressDeadlineSeconds"] > longest


@with_urls
def test_a_gateway_has_the_time_to_start_that_it_takes_itself(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    rendered = scenario(name)
    deployment = rendered.one("Deployment", "api")
    settings = read(GatewaySettings, rendered, deployment, monkeypatch)
    probe = deployment["spec"]["template"]["spec"]["containers"][0]["startupProbe"]
    assert probe["periodSeconds"] * probe["failureThreshold"] > 2 * settings.start_timeout_s
    assert deployment["spec"]["progressDeadlineSeconds"] > 2 * settings.start_timeout_s


@pytest.mark.parametrize("name", SCENARIOS)
def test_a_gateway_has_the_time_to_stop_that_its_server_takes(name: str) -> None:
    dockerfile = (ROOT / "app" / "Dockerfile").read_text(encoding="utf-8")
    (graceful,) = re.findall(r'"--timeout-graceful-shutdown", "(\d+)"', dockerfile)
    pod = scenario(name).one("Deployment", "api")["spec"]["template"]["spec"]
    stop = (
        pod["containers"][0]
        .get("lifecycle", {})
        .get("preStop", {})
        .get("sleep", {})
        .get("seconds", 0)
    )
    assert pod["terminationGracePeriodSeconds"] >= stop + int(graceful) + 5


def test_a_trial_waits_for_the_training(monkeypatch: pytest.MonkeyPatch) -> None:
    rendered = scenario("tryout")
    assert (
        read(
            GatewaySettings, rendered, rendered.one("Deployment", "api"), monkeypatch
        ).start_timeout_s
        >= 600
    )


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
    rendered = render(merged(TRYOUT, {"modelCache": {"existingClaim": "shared"}}))
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
