"""How many workers there are and what they ask of a node: KEDA's numbers, GPUs, rollouts."""

import pytest

from app.settings import GatewaySettings
from tests.chart.rendering import SCENARIOS, TRYOUT, Json, Objects, merged, render, scenario


def scaled(rendered: Objects, pool: str) -> Json:
    return dict(rendered.one("ScaledObject", pool)["spec"])


def worker(rendered: Objects, pool: str) -> Json:
    return dict(rendered.one("Deployment", f"worker-{pool}")["spec"])


@pytest.mark.parametrize("name", SCENARIOS)
def test_the_number_of_workers_has_one_owner(name: str) -> None:
    """Rendered where KEDA owns it, an upgrade would take workers away that run."""
    rendered = scenario(name)
    owned = {
        each["spec"]["scaleTargetRef"]["name"]
        for kind in ("ScaledObject", "HorizontalPodAutoscaler")
        for each in rendered.of(kind).values()
    }
    deployments = {key: each["spec"] for key, each in rendered.of("Deployment").items()}
    assert {key for key, spec in deployments.items() if "replicas" not in spec} == owned


def test_without_keda_a_pool_has_its_own_number_zero_too() -> None:
    assert not scenario("bare").of("ScaledObject")
    assert not scenario("bare").of("TriggerAuthentication")
    assert worker(scenario("bare"), "match-outcome")["replicas"] == 0
    assert worker(scenario("many"), "steady")["replicas"] == 2


@pytest.mark.parametrize("name", SCENARIOS)
def test_a_store_that_does_not_answer_changes_nothing(name: str) -> None:
    """Or, if asked for, adds workers: with `fallback.replicas: 0` KEDA would stop busy ones."""
    for each in scenario(name).of("ScaledObject").values():
        if "inference/pool" not in each["metadata"]["labels"]:
            continue  # it scales gateways, by what the user says
        fallback = each["spec"].get("fallback")
        asked = (name, each["metadata"]["name"]) == ("pools", "inference-worker-ranking")
        assert (fallback is not None) == asked
        assert not fallback or fallback["behavior"] == "currentReplicasIfHigher"
        assert each["spec"]["triggers"][0]["metadata"]["activationListLength"] == "0"


def test_at_rest_there_is_no_worker_and_the_target_is_a_batch() -> None:
    spec = scaled(scenario("tryout"), "match-outcome")
    assert (spec["minReplicaCount"], spec["pollingInterval"]) == (0, 10)
    assert spec["triggers"][0]["metadata"]["listLength"] == "8"
    other = render(merged(TRYOUT, {"workerPoolDefaults": {"batch": {"maxSize": 3}}}))
    assert scaled(other, "match-outcome")["triggers"][0]["metadata"]["listLength"] == "3"


def test_what_an_operator_says_goes_before_what_follows() -> None:
    spec = scaled(scenario("many"), "ranking")
    assert (spec["minReplicaCount"], spec["maxReplicaCount"]) == (1, 20)
    assert spec["triggers"][0]["metadata"]["listLength"] == "64"
    paused = scenario("many").one("ScaledObject", "ranking")["metadata"]["annotations"]
    assert paused == {"autoscaling.keda.sh/paused": "true"}
    at_once = {"cooldownPeriod": 0, "initialCooldownPeriod": 0}
    spec = scaled(
        render(merged(TRYOUT, {"workerPoolDefaults": {"autoscaling": at_once}})), "match-outcome"
    )
    assert (spec["cooldownPeriod"], spec["initialCooldownPeriod"]) == (0, 0)


@pytest.mark.parametrize("name", ["tryout", "production"])
def test_a_worker_is_not_taken_away_while_it_loads_or_soon_after_its_work(name: str) -> None:
    rendered = scenario(name)
    spec, pod = (
        scaled(rendered, "match-outcome"),
        worker(rendered, "match-outcome")["template"]["spec"],
    )
    told = {entry["name"]: entry.get("value") for entry in pod["containers"][0]["env"]}
    assert spec["cooldownPeriod"] > pod["terminationGracePeriodSeconds"]
    assert spec["initialCooldownPeriod"] > int(str(told["LOAD_TIMEOUT_S"]))


def test_the_number_of_workers_does_not_flap() -> None:
    behavior = scaled(scenario("tryout"), "match-outcome")["advanced"][
        "horizontalPodAutoscalerConfig"
    ]["behavior"]
    assert behavior["scaleDown"]["stabilizationWindowSeconds"] >= 300
    assert "scaleUp" not in behavior, "up it goes as fast as Kubernetes lets it"


def test_a_gpu_is_asked_for_by_the_name_that_the_nodes_have_for_it() -> None:
    pod = worker(scenario("many"), "ranking")["template"]["spec"]
    assert pod["containers"][0]["resources"]["limits"] == {
        "memory": "16Gi",
        "ephemeral-storage": "51264Mi",
        "nvidia.com/mig-1g.12gb": 1,
    }
    for taint in ("nvidia.com/gpu", "nvidia.com/mig-1g.12gb"):
        assert {"key": taint, "operator": "Exists", "effect": "NoSchedule"} in pod["tolerations"]
    assert {"key": "spot", "operator": "Exists"} in pod["tolerations"]
    assert pod["runtimeClassName"] == "nvidia"


def test_a_gateway_has_memory_for_the_bodies_that_it_takes() -> None:
    """A gateway's memory limit covers its rest, the bodies it receives, and the check of one.

    Decision 12: 200 MiB at rest, the bodies that are received, and 22 times the largest body while
    it is checked.
    """
    (container,) = scenario("production").one("Deployment", "api")["spec"]["template"]["spec"][
        "containers"
    ]
    settings = GatewaySettings()
    needed = 200 * 2**20 + settings.receiving_max_bytes + 22 * settings.max_body_bytes
    assert int(container["resources"]["limits"]["memory"].removesuffix("Mi")) * 2**20 >= needed


def test_without_gpus_none_is_asked_for_and_no_taint_is_borne() -> None:
    pod = worker(scenario("tryout"), "match-outcome")["template"]["spec"]
    assert set(pod["containers"][0]["resources"]["limits"]) == {"memory", "ephemeral-storage"}
    assert "tolerations" not in pod


def test_a_rollout_never_waits_for_the_gpu_that_it_holds_itself() -> None:
    with_gpu = worker(scenario("production"), "match-outcome")["strategy"]
    assert with_gpu == {
        "type": "RollingUpdate",
        "rollingUpdate": {"maxSurge": 0, "maxUnavailable": 1},
    }
    without = worker(scenario("tryout"), "match-outcome")["strategy"]
    assert without == {
        "type": "RollingUpdate",
        "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0},
    }
    assert worker(scenario("many"), "steady")["strategy"]["rollingUpdate"] == {
        "maxSurge": 0,
        "maxUnavailable": "100%",
    }


def test_a_worker_has_shared_memory_and_a_place_for_its_model() -> None:
    pod = worker(scenario("many"), "ranking")["template"]["spec"]
    volumes = {volume["name"]: volume["emptyDir"] for volume in pod["volumes"]}
    assert volumes == {
        "tmp": {"sizeLimit": "50Gi"},
        "shm": {"medium": "Memory", "sizeLimit": "2Gi"},
    }
    mounts = {mount["name"]: mount["mountPath"] for mount in pod["containers"][0]["volumeMounts"]}
    assert mounts == {"tmp": "/tmp", "shm": "/dev/shm"}


@pytest.mark.parametrize("name", SCENARIOS)
def test_only_the_test_is_a_hook(name: str) -> None:
    hooks = {
        each["kind"]: each["metadata"]["annotations"]
        for each in scenario(name).all
        if "helm.sh/hook" in str(each["metadata"])
    }
    assert set(hooks) <= {"Pod"}
    assert all(annotations["helm.sh/hook"] == "test" for annotations in hooks.values())


def test_gateways_are_never_fewer_than_asked_for_while_they_are_replaced() -> None:
    gateway = scenario("tryout").one("Deployment", "api")["spec"]
    assert gateway["replicas"] == 2
    assert gateway["strategy"]["rollingUpdate"] == {"maxSurge": 1, "maxUnavailable": 0}
    spread = gateway["template"]["spec"]["topologySpreadConstraints"]
    assert [each["topologyKey"] for each in spread] == [
        "topology.kubernetes.io/zone",
        "kubernetes.io/hostname",
    ]
    assert all(each["whenUnsatisfiable"] == "ScheduleAnyway" for each in spread)
    assert all(
        each["labelSelector"]["matchLabels"] == gateway["selector"]["matchLabels"]
        for each in spread
    )
    assert (
        scenario("tryout").of("PodDisruptionBudget")["inference-api"]["spec"]["maxUnavailable"] == 1
    )
    assert (
        scenario("many").of("PodDisruptionBudget")["predictions-api"]["spec"]["maxUnavailable"]
        == "25%"
    )
