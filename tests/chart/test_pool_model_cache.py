"""Tests where a pool keeps the models that it downloaded: a claim, or an image that has them."""

import pytest

from tests.chart.programs import pools, read
from tests.chart.rendering import OWN_PARTS, Json, Objects, merged, render, scenario
from worker.settings import WorkerSettings


def pool_of(**cache: object) -> Objects:
    return render(merged(OWN_PARTS, {"workerPools": {"match-outcome": {"modelCache": cache}}}))


def mounted(rendered: Objects, pool: str, monkeypatch: pytest.MonkeyPatch) -> tuple[Json, Json]:
    """The volume of a pool's models and its mount, which is where the worker looks."""
    deployment = pools(rendered)[pool]
    with monkeypatch.context() as patch:
        folder = read(WorkerSettings, rendered, deployment, patch).model_cache_dir
    spec = deployment["spec"]["template"]["spec"]
    (mount,) = [each for each in spec["containers"][0]["volumeMounts"] if each["name"] == "models"]
    (volume,) = [each for each in spec["volumes"] if each["name"] == "models"]
    assert mount["mountPath"] == folder
    return volume, mount


def test_a_claim_is_made_as_asked_and_mounted(monkeypatch: pytest.MonkeyPatch) -> None:
    rendered = scenario("pools")
    claims = rendered.of("PersistentVolumeClaim")
    assert set(claims) == {"inference-worker-ranking-models", "inference-worker-sliced-models"}
    files = claims["inference-worker-ranking-models"]
    assert files["spec"] == {
        "accessModes": ["ReadWriteMany"],
        "storageClassName": "files",
        "resources": {"requests": {"storage": "100Gi"}},
    }
    assert files["metadata"]["annotations"] == {
        "argocd.argoproj.io/sync-options": "Prune=false",
        "helm.sh/resource-policy": "keep",
        "team": "scores",
    }
    assert "annotations" not in claims["inference-worker-sliced-models"]["metadata"]
    for pool in ("ranking", "sliced"):
        volume, mount = mounted(rendered, pool, monkeypatch)
        claim = {"claimName": f"inference-worker-{pool}-models"}
        assert volume["persistentVolumeClaim"] == claim
        assert "readOnly" not in mount


def test_a_claim_of_one_node_s_holds_its_pool_there_and_no_other() -> None:
    rendered = scenario("pools")
    spec = pools(rendered)["sliced"]["spec"]["template"]["spec"]
    terms = spec["affinity"]["podAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
    (term,) = terms
    assert term["topologyKey"] == "kubernetes.io/hostname"
    wanted = term["labelSelector"]["matchLabels"].items()
    picked = [who for who, pod in rendered.pods() if wanted <= pod["metadata"]["labels"].items()]
    assert picked == ["Deployment/inference-worker-sliced"]
    assert "affinity" not in pools(rendered)["ranking"]["spec"]["template"]["spec"]


def test_an_affinity_of_ones_own_stays_beside_it() -> None:
    own: Json = {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {}}}
    values = {"affinity": own, "modelCache": {"claim": {"enabled": True}}}
    rendered = render(merged(OWN_PARTS, {"workerPools": {"match-outcome": values}}))
    affinity = pools(rendered)["match-outcome"]["spec"]["template"]["spec"]["affinity"]
    assert set(affinity) == {"nodeAffinity", "podAffinity"}


def test_models_in_an_image_are_mounted_read_only(monkeypatch: pytest.MonkeyPatch) -> None:
    volume, mount = mounted(scenario("devices"), "match-outcome", monkeypatch)
    assert volume["image"] == {
        "reference": "localhost/models/match-outcome:7",
        "pullPolicy": "IfNotPresent",
    }
    assert mount["readOnly"] is True


def test_without_one_nothing_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    rendered = scenario("tryout")
    (deployment,) = pools(rendered).values()
    assert read(WorkerSettings, rendered, deployment, monkeypatch).model_cache_dir == ""
    spec = deployment["spec"]["template"]["spec"]
    assert all(volume["name"] != "models" for volume in spec["volumes"])


@pytest.mark.parametrize("cache", [{"existingClaim": "shared"}, {"claim": {"enabled": True}}])
def test_pools_may_differ(cache: Json, monkeypatch: pytest.MonkeyPatch) -> None:
    volume, _ = mounted(pool_of(**cache), "match-outcome", monkeypatch)
    claim = cache.get("existingClaim", "inference-worker-match-outcome-models")
    assert volume["persistentVolumeClaim"]["claimName"] == claim
