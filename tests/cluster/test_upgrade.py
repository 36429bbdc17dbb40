"""A new image and back, under load."""

from testkit.cluster import GATEWAYS, Cluster, is_ready
from testkit.pod_client import PodClient
from testkit.waiting import until
from tests.cluster.conftest import at_rest

RELEASE = "faults"
NEXT = "next"
WORK = {"model": "fault", "do": "answer", "seconds": 0.5}


def tags(cluster: Cluster, selector: str) -> list[str]:
    """The image tags of the pods that run and are ready."""
    return [
        pod["spec"]["containers"][0]["image"].rpartition(":")[2]
        for pod in cluster.pods(selector)
        if is_ready(pod)
    ]


def test_an_upgrade_to_a_new_image_and_its_rollback_fail_no_request(
    installed: Cluster, client: PodClient
) -> None:
    images = [f"--set=image.{name}.tag={NEXT}" for name in ("api", "worker")]
    workers = "inference/pool=fault"
    at_rest(installed, client, "fault", workers=3)
    with client.load(pause_s=0.5, **WORK) as load:
        installed.helm(
            "upgrade", "inference", "charts/inference", "--reset-then-reuse-values", *images
        )
        until(
            lambda: len(set(tags(installed, workers))) == 2,
            "an old and a new worker side by side",
            180,
            0.2,
        )
        until(lambda: set(tags(installed, GATEWAYS)) == {NEXT}, "new gateways alone", 180, 0.5)
        until(lambda: set(tags(installed, workers)) == {NEXT}, "new workers alone", 240, 0.5)
        installed.helm("rollback", "inference")
        until(lambda: NEXT not in tags(installed, GATEWAYS), "the earlier gateways", 180, 0.5)
        until(
            lambda: (now := tags(installed, workers)) and NEXT not in now,
            "the earlier workers",
            240,
            0.5,
        )
    assert load.failed() == []
    accepted = load.accepted()
    records = client.ended(accepted, 300)
    assert {record["status"] for record in records.values()} == {"success"}
    assert {record["attempts"] for record in records.values()} == {0}
    print(f"{len(load.rows)} requests through an upgrade and its rollback, none failed")
