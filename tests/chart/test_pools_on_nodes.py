"""Tests how the workers of a pool live on nodes.

That is: rollouts, devices, disk, places that are held ready, images that are there before.
"""

import pytest

from tests.chart.rendering import OWN_PARTS, TRYOUT, Json, Objects, merged, render, scenario
from tests.chart.test_scaling import worker


def pod(rendered: Objects, pool: str) -> Json:
    return dict(worker(rendered, pool)["template"]["spec"])


def one_pool(**values: object) -> Objects:
    return render(merged(OWN_PARTS, {"workerPools": {"match-outcome": values}}))


def resources(spec: Json) -> Json:
    return dict(spec["containers"][0]["resources"])


@pytest.mark.parametrize(
    ("said", "gpus", "surge", "fewer"),
    [
        ({}, 0, 1, 0),
        ({}, 1, 0, 1),
        ({"maxSurge": 2}, 1, 2, 0),
        ({"maxSurge": 0}, 0, 0, 1),
        ({"maxSurge": "25%"}, 0, "25%", 0),
        ({"maxUnavailable": "50%"}, 0, 0, "50%"),
        ({"maxUnavailable": 0}, 0, 1, 0),
        ({"maxSurge": 1, "maxUnavailable": 1}, 1, 1, 1),
    ],
)
def test_a_rollout_has_what_was_said_and_the_other_bound_fits_it(
    said: Json, gpus: int, surge: int | str, fewer: int | str
) -> None:
    rendered = one_pool(rollingUpdate=said, gpu={"count": gpus})
    assert worker(rendered, "match-outcome")["strategy"] == {
        "type": "RollingUpdate",
        "rollingUpdate": {"maxSurge": surge, "maxUnavailable": fewer},
    }


@pytest.mark.parametrize(
    ("resource", "taints"),
    [
        ("nvidia.com/gpu", ["nvidia.com/gpu"]),
        ("nvidia.com/mig-1g.12gb", ["nvidia.com/mig-1g.12gb", "nvidia.com/gpu"]),
        ("nvidia.com/gpu.shared", ["nvidia.com/gpu.shared", "nvidia.com/gpu"]),
        ("amd.com/gpu", ["amd.com/gpu"]),
    ],
)
def test_a_slice_of_a_gpu_bears_the_taint_of_the_whole(resource: str, taints: list[str]) -> None:
    spec = pod(one_pool(gpu={"count": 1, "resource": resource}), "match-outcome")
    assert [each["key"] for each in spec["tolerations"]] == taints
    assert resources(spec)["limits"][resource] == 1


def test_devices_by_claims_are_used_by_the_container_and_no_gpu_is_asked_for_beside() -> None:
    rendered = scenario("devices")
    spec = pod(rendered, "match-outcome")
    (template,) = rendered.of("ResourceClaimTemplate")
    assert spec["resourceClaims"] == [{"name": "gpu", "resourceClaimTemplateName": template}]
    assert resources(spec)["claims"] == [{"name": "gpu"}]
    assert set(resources(spec)["limits"]) == {"memory", "ephemeral-storage"}
    assert [each["key"] for each in spec["tolerations"]] == ["nvidia.com/gpu"]
    assert worker(rendered, "match-outcome")["strategy"]["rollingUpdate"]["maxSurge"] == 0
    named = pod(rendered, "ranking")
    assert named["resourceClaims"] == [
        {"name": "slice", "resourceClaimTemplateName": "mig-slice"},
        {"name": "network", "resourceClaimName": "shared-network"},
    ]
    assert resources(named)["claims"] == [{"name": "slice"}, {"name": "network"}]


def test_a_template_of_claims_that_changes_is_a_new_one() -> None:
    """Kubernetes refuses to change one."""

    def name(device_class: str) -> str:
        request = {"name": "gpu", "exactly": {"deviceClassName": device_class}}
        claim = {"name": "gpu", "spec": {"devices": {"requests": [request]}}}
        (found,) = one_pool(resourceClaims=[claim]).of("ResourceClaimTemplate")
        return found

    assert name("gpu.nvidia.com") == name("gpu.nvidia.com") != name("mig.nvidia.com")


def test_a_node_must_have_the_disk_that_a_worker_may_fill() -> None:
    asked = resources(pod(one_pool(tmp={"size": "50Gi"}), "match-outcome"))
    assert asked["requests"]["ephemeral-storage"] == "50Gi"
    assert asked["limits"]["ephemeral-storage"] == f"{50 * 1024 + 64}Mi", "the volume's is reached"
    asked = resources(pod(scenario("pools"), "ranking"))
    assert asked["requests"]["ephemeral-storage"] == "8Gi"
    asked = resources(pod(scenario("tryout"), "match-outcome"))
    assert asked["requests"]["ephemeral-storage"] == "1Gi", "a trial must fit a small machine"
    own = {"requests": {"ephemeral-storage": "3Gi"}, "limits": {"ephemeral-storage": "4Gi"}}
    asked = resources(pod(one_pool(resources=own), "match-outcome"))
    assert (asked["requests"]["ephemeral-storage"], asked["limits"]["ephemeral-storage"]) == (
        "3Gi",
        "4Gi",
    )


def test_the_autoscaler_may_evict_a_worker_that_drains_in_the_time_that_it_grants() -> None:
    rendered = scenario("pools")
    told = {}
    for name in ("ranking", "shared", "spot"):
        template = worker(rendered, name)["template"]
        told[name] = (
            template["spec"]["terminationGracePeriodSeconds"] <= 600,
            template["metadata"]["annotations"]["cluster-autoscaler.kubernetes.io/safe-to-evict"],
        )
    assert told == {"ranking": (True, "true"), "shared": (False, "false"), "spot": (True, "false")}
    key = "cluster-autoscaler.kubernetes.io/safe-to-evict"
    own = one_pool(podAnnotations={key: "false"})
    assert worker(own, "match-outcome")["template"]["metadata"]["annotations"][key] == "false"


def test_a_placeholder_asks_for_what_a_worker_asks_for_in_the_same_places() -> None:
    rendered = scenario("pools")
    for pool in ("ranking", "shared"):
        held = rendered.one("Deployment", f"placeholder-{pool}")["spec"]
        spec, workers = held["template"]["spec"], pod(rendered, pool)
        assert resources(spec) == resources(workers)
        assert spec["tolerations"] == workers["tolerations"]
        assert spec.get("nodeSelector") == workers.get("nodeSelector")
        assert spec["terminationGracePeriodSeconds"] == 0
        assert spec["containers"][0]["image"] == "localhost/pause:3.10"
    assert held["replicas"] == 2
    assert spec["priorityClassName"] == "spare"


def test_a_placeholder_gives_way_and_takes_nobody_s_place() -> None:
    rendered = scenario("pools")
    (made,) = rendered.of("PriorityClass").values()
    held = rendered.one("Deployment", "placeholder-ranking")["spec"]["template"]["spec"]
    assert held["priorityClassName"] == made["metadata"]["name"]
    assert made["value"] < 0, "a worker without a class has 0"
    assert "priorityClassName" not in pod(rendered, "ranking")
    assert made["preemptionPolicy"] == "Never"
    assert not made.get("globalDefault")


def test_two_releases_have_a_class_each_however_long_their_names_are() -> None:
    values = merged(OWN_PARTS, {"workerPools": {"match-outcome": {"placeholder": {"replicas": 1}}}})
    names = [
        next(iter(render(merged(values, {"fullnameOverride": name})).of("PriorityClass")))
        for name in ("scores", "a" * 40, "a" * 39 + "b")
    ]
    assert len(set(names)) == 3
    assert max(map(len, names)) <= 63


def test_neither_workers_nor_gateways_take_a_placeholder_for_one_of_them() -> None:
    """By labels: of Deployments, budgets, monitors, NetworkPolicies, and what people look for."""
    rendered = scenario("pools")
    labels = {
        who: template["metadata"]["labels"]
        for who, template in rendered.pods()
        if template["metadata"]["labels"]["app.kubernetes.io/component"]
        in ("placeholder", "pre-puller")
    }
    assert {who.partition("/")[0] for who in labels} == {"Deployment", "DaemonSet"}
    for kind in ("PodDisruptionBudget", "NetworkPolicy"):
        for name, each in rendered.of(kind).items():
            selector = each["spec"].get("selector") or each["spec"]["podSelector"]
            picked = [
                who for who, own in labels.items() if selector["matchLabels"].items() <= own.items()
            ]
            assert not picked or name in ("inference-placeholder", "inference-pre-puller")
    assert all("inference/pool" not in own for own in labels.values())
    for name in ("placeholder", "pre-puller"):
        quiet = rendered.of("NetworkPolicy")[f"inference-{name}"]["spec"]
        assert (quiet["ingress"], quiet["egress"]) == ([], [])


def test_without_an_image_of_its_own_a_placeholder_waits_in_the_pool_s() -> None:
    image = {"repository": "inference-worker-jax", "tag": "3"}
    rendered = one_pool(placeholder={"replicas": 1}, image=image)
    (container,) = rendered.one("Deployment", "placeholder-match-outcome")["spec"]["template"][
        "spec"
    ]["containers"]
    assert (container["image"], container["command"]) == (
        "localhost/inference-worker-jax:3",
        ["sleep", "infinity"],
    )


def test_each_set_of_nodes_pulls_the_images_of_the_pools_there_each_once() -> None:
    rendered = scenario("pools")
    workers, jax = "localhost/inference-worker:0.1.0", "localhost/inference-worker-jax:3"
    found = []
    for each in rendered.of("DaemonSet").values():
        spec = each["spec"]["template"]["spec"]
        taints = [toleration["key"] for toleration in spec["tolerations"]]
        images = [container["image"] for container in spec["containers"]]
        found.append((spec.get("nodeSelector", {}).get("gpu"), taints[0], images))
        for container in spec["containers"]:
            assert container["command"] == ["sleep", "infinity"]
            assert {"name": "NVIDIA_VISIBLE_DEVICES", "value": "void"} in container["env"]
            assert not any("gpu" in name for name in container["resources"]["limits"])
    assert sorted(found, key=str) == [
        ("h100", "nvidia.com/gpu", [workers]),
        ("h100", "nvidia.com/mig-1g.12gb", [jax]),
        (None, "nvidia.com/gpu.shared", [workers]),
        (None, "spot", [workers]),
    ]
    two = {
        "prePuller": {"enabled": True},
        "api": {"defaultPool": "match-outcome"},
        "workerPools": {
            "a": {"modelUri": "models:/a@x", "image": {"tag": "2"}},
            "b": {"modelUri": "models:/b@x"},
        },
    }
    (daemon,) = render(merged(TRYOUT, two)).of("DaemonSet").values()
    images = [each["image"] for each in daemon["spec"]["template"]["spec"]["containers"]]
    assert sorted(images) == ["localhost/inference-worker:0.1.0", "localhost/inference-worker:2"]


def test_nothing_is_held_or_pulled_unless_asked_for() -> None:
    for name in ("tryout", "production", "many"):
        rendered = scenario(name)
        assert not rendered.of("DaemonSet")
        assert not rendered.of("PriorityClass")
        assert not rendered.of("ResourceClaimTemplate")
        assert not [each for each in rendered.of("Deployment") if "placeholder" in each]
