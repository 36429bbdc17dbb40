"""Tests both models, each with a pool of its own.

They check the answers of each, and that a pool's number of workers concerns no other pool.
"""

import time
from base64 import b64encode

import pytest

from testkit.cluster import Cluster, Json
from testkit.image_hosts import CAT
from testkit.pod_client import PodClient
from testkit.waiting import until

RELEASE = "trial"
ASKED: dict[str, Json] = {
    "match-outcome": {"match_id": 6508},
    "image-classifier": {
        "model": "image-classifier",
        "features": {"image": b64encode(CAT).decode()},
    },
}


def deployment(cluster: Cluster, pool: str) -> Json:
    return cluster.get("deployments", f"inference-worker-{pool}")


def rests(cluster: Cluster, client: PodClient, pool: str) -> bool:
    """Whether nothing is to be done, no worker is wanted and the last one is gone."""
    wanted = deployment(cluster, pool)["spec"]["replicas"]
    return wanted == client.queue(pool)["outstanding"] == 0 and not cluster.all_pods(
        f"inference/pool={pool}"
    )


def changes(cluster: Cluster, pool: str) -> int:
    """Returns how often the Deployment was changed, its number of workers included.

    So a worker that came and went between two looks is counted.
    """
    return int(deployment(cluster, pool)["metadata"]["generation"])


def told(result: Json) -> str:
    """The outcome of a match, or what is on a photograph."""
    return str(result["labels"][0]["label"] if "labels" in result else result["outcome"])


@pytest.mark.parametrize(
    ("busy", "idle", "answers"),
    [
        ("match-outcome", "image-classifier", {"home", "draw", "away"}),
        ("image-classifier", "match-outcome", {"Egyptian cat"}),
    ],
)
def test_work_for_one_pool_brings_up_its_worker_alone_and_back_to_zero(
    both_pools: Cluster, client: PodClient, busy: str, idle: str, answers: set[str]
) -> None:
    until(
        lambda: all(rests(both_pools, client, pool) for pool in (busy, idle)),
        "both pools to rest",
        240,
        0.5,
    )
    before = {pool: changes(both_pools, pool) for pool in (busy, idle)}
    began = time.monotonic()
    accepted = client.call("POST", "/predict/async/", ASKED[busy], **{"Cache-Control": "no-cache"})
    assert accepted["status"] == 202, accepted
    until(lambda: both_pools.pool(busy), f"a worker of {busy}", 60, 0.5)
    (record,) = client.ended([accepted["answer"]["task_id"]]).values()
    answered = time.monotonic()
    assert record["status"] == "success", record
    assert told(record["result"]) in answers
    until(lambda: rests(both_pools, client, busy), f"{busy} to be at zero again", 240, 0.5)
    print(
        f"{busy} from zero: its answer after {answered - began:.0f} s, "
        f"zero again after {time.monotonic() - began:.0f}"
    )
    assert changes(both_pools, busy) > before[busy], (
        "what is to show the other pool's workers does not show this one's"
    )
    assert changes(both_pools, idle) == before[idle], f"work for {busy} scaled {idle}"
