"""Tests batch inference on Kubernetes.

They check which pod scores, where the file is, and that the gateway reads the same file.
"""

from typing import Any

import pytest
from pydantic_settings import BaseSettings

from app.settings import GatewaySettings
from examples.football.gateway.settings import LookupSettings
from examples.football.scoring.settings import ScoringSettings
from inference.settings import read_settings
from tests.chart.rendering import OWN_PARTS, TRYOUT, Json, Objects, merged, render, scenario
from tests.chart.test_security import arrows

LOOKUPS = "examples.football.gateway:install"
IN_A_STORE: Json = {
    "batchInference": {
        "enabled": True,
        "outputUrl": "s3://scores/matches.parquet",
        "existingSecret": "bucket",
    },
    "networkPolicy": {
        "objectStoreTo": [{"ipBlock": {"cidr": "10.3.0.0/16"}}],
        "objectStorePorts": [9000],
    },
}


def job_specs(rendered: Objects) -> list[Json]:
    """The job after the installation, and that of the schedule."""
    first = [each["spec"] for name, each in rendered.of("Job").items() if "-batch-" in name]
    return first + [each["spec"]["jobTemplate"]["spec"] for each in rendered.of("CronJob").values()]


def gateway(rendered: Objects) -> Json:
    return dict(rendered.one("Deployment", "api")["spec"]["template"])


def read(
    kind: type[BaseSettings], rendered: Objects, pod: Json, monkeypatch: pytest.MonkeyPatch
) -> Any:
    """What a program reads of the variables of its pod."""
    with monkeypatch.context() as patch:
        for name, value in rendered.environment(pod["spec"]["containers"][0]).items():
            patch.setenv(name, value)
        return read_settings(kind)


@pytest.mark.parametrize("values", [TRYOUT, merged(TRYOUT, IN_A_STORE)])
def test_the_gateway_reads_what_the_job_writes_of_the_model_that_it_serves(
    values: Json, monkeypatch: pytest.MonkeyPatch
) -> None:
    rendered = render(values)
    served = read(GatewaySettings, rendered, gateway(rendered), monkeypatch)
    told = read(LookupSettings, rendered, gateway(rendered), monkeypatch)
    assert served.extensions == (LOOKUPS,)
    specs = job_specs(rendered)
    assert len(specs) == 2
    for spec in specs:
        own = read(ScoringSettings, rendered, spec["template"], monkeypatch)
        assert own.batch_output_url == told.batch_output_url
        assert (own.model_uri, own.mlflow_tracking_uri) == (
            served.model_uris[0],
            served.mlflow_tracking_uri,
        )
        names = {
            entry["name"].lower() for entry in spec["template"]["spec"]["containers"][0]["env"]
        }
        assert names <= {*ScoringSettings.model_fields, "home", "pythonunbuffered"}, (
            "a variable that nothing reads"
        )


def test_gateways_can_only_read_the_claim_of_a_file_and_all_who_mount_it_are_on_one_node() -> None:
    rendered = render(TRYOUT)
    claim = rendered.one("PersistentVolumeClaim", "matches")
    assert claim["spec"]["accessModes"] == ["ReadWriteOnce"]
    pods = [spec["template"] for spec in job_specs(rendered)] + [gateway(rendered)]
    for pod, read_only in zip(pods, (False, False, True), strict=True):
        (volume,) = (each for each in pod["spec"]["volumes"] if each["name"] == "matches")
        assert volume["persistentVolumeClaim"] == {"claimName": claim["metadata"]["name"]}
        (mount,) = (
            each
            for each in pod["spec"]["containers"][0]["volumeMounts"]
            if each["name"] == "matches"
        )
        assert (mount["mountPath"], mount.get("readOnly", False)) == ("/matches", read_only)
        (term,) = pod["spec"]["affinity"]["podAffinity"][
            "requiredDuringSchedulingIgnoredDuringExecution"
        ]
        assert term["topologyKey"] == "kubernetes.io/hostname"
        for other in pods:
            assert (
                term["labelSelector"]["matchLabels"].items() <= other["metadata"]["labels"].items()
            )


def test_ones_own_affinity_is_kept_beside_it() -> None:
    own = {
        "podAffinity": {
            "requiredDuringSchedulingIgnoredDuringExecution": [{"topologyKey": "zone"}]
        },
        "nodeAffinity": {},
    }
    affinity = gateway(render(merged(TRYOUT, {"api": {"affinity": own}})))["spec"]["affinity"]
    keys = [
        term["topologyKey"]
        for term in affinity["podAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
    ]
    assert keys == ["zone", "kubernetes.io/hostname"]
    assert "nodeAffinity" in affinity


@pytest.mark.parametrize("claim", [{"accessMode": "ReadWriteMany"}, {"existingClaim": "mine"}])
def test_a_claim_that_many_nodes_can_mount_holds_nobody_together(claim: Json) -> None:
    rendered = render(merged(TRYOUT, {"batchInference": {"claim": claim}}))
    assert "affinity" not in gateway(rendered)["spec"]
    assert bool(rendered.of("PersistentVolumeClaim").get("inference-matches")) == (
        "accessMode" in claim
    )
    (volume,) = (each for each in gateway(rendered)["spec"]["volumes"] if each["name"] == "matches")
    assert volume["persistentVolumeClaim"]["claimName"] == claim.get(
        "existingClaim", "inference-matches"
    )


def test_an_object_store_needs_no_claim_and_gets_its_secret_and_its_way_out() -> None:
    rendered = render(merged(OWN_PARTS, IN_A_STORE))
    assert not rendered.of("PersistentVolumeClaim")
    for pod in [spec["template"] for spec in job_specs(rendered)] + [gateway(rendered)]:
        assert [each["name"] for each in pod["spec"]["volumes"]] == ["tmp"]
        assert {"secretRef": {"name": "bucket"}} in pod["spec"]["containers"][0]["envFrom"]
    for component in ("api", "batch"):
        _, outgoing = arrows(rendered.one("NetworkPolicy", component))
        assert outgoing["9000"] == {'{"ipBlock": {"cidr": "10.3.0.0/16"}}'}
    assert "9000" not in arrows(rendered.one("NetworkPolicy", "worker"))[1]


def test_a_run_never_meets_another_of_the_schedule_and_ends_in_time() -> None:
    spec = scenario("tryout").one("CronJob")["spec"]
    assert (spec["concurrencyPolicy"], spec["timeZone"]) == ("Forbid", "Etc/UTC")
    assert spec["startingDeadlineSeconds"] > 0
    for each in job_specs(scenario("tryout")):
        assert each["activeDeadlineSeconds"] == 3600
        assert each["template"]["spec"]["restartPolicy"] == "OnFailure"


def test_the_first_run_holds_nobody_up_and_what_changed_is_scored_at_once() -> None:
    """Helm waits for a hook, with `--wait` or without; the gateway is ready without the file."""
    before = {name: each for name, each in render(TRYOUT).of("Job").items() if "-batch-" in name}
    (first,) = before.values()
    assert "annotations" not in first["metadata"]
    same = render(
        merged(TRYOUT, {"api": {"replicas": 5}, "batchInference": {"schedule": "0 0 * * *"}})
    )
    assert set(before) <= set(same.of("Job"))
    for change in (
        {"workerPools": {"match-outcome": {"modelUri": "models:/match-outcome@next"}}},
        {"image": {"worker": {"tag": "2"}}},
    ):
        assert not set(before) & set(render(merged(TRYOUT, change)).of("Job"))


@pytest.mark.parametrize("name", ["production", "bare"])
def test_without_it_nothing_of_it_is_there(name: str) -> None:
    rendered = scenario(name)
    assert not rendered.of("CronJob")
    assert not rendered.of("Job")
    assert not rendered.of("PersistentVolumeClaim")
    names = [entry["name"] for entry in gateway(rendered)["spec"]["containers"][0]["env"]]
    assert not [each for each in names if each.startswith(("BATCH_", "EXTENSIONS"))]
    assert "affinity" not in gateway(rendered)["spec"]


@pytest.mark.parametrize(
    ("values", "extensions"),
    [
        ({}, (LOOKUPS,)),
        ({"batchInference": {"enabled": False}}, (LOOKUPS,)),
        ({"extensions": []}, ()),
        ({"extensions": ["ours.gateway:add", LOOKUPS]}, ("ours.gateway:add", LOOKUPS)),
    ],
)
def test_a_gateway_gets_the_look_ups_with_a_trial_unless_told(
    values: Json, extensions: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    rendered = render(merged(TRYOUT, values))
    assert read(GatewaySettings, rendered, gateway(rendered), monkeypatch).extensions == extensions


def test_a_trial_can_do_without() -> None:
    assert not render(merged(TRYOUT, {"batchInference": {"enabled": False}})).of("CronJob")
