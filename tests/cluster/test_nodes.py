"""A placeholder keeps a place on a node until a worker needs it."""

from collections.abc import Iterator

import pytest

from testkit.cluster import Cluster, is_ready
from testkit.pod_client import PodClient
from testkit.waiting import until
from tests.cluster.conftest import at_rest, set_pool

RELEASE = "scaling"
PLACEHOLDERS = "inference/placeholder-of=fault"
MORE_THAN_GPUS = 9


def placeholders(cluster: Cluster, replicas: int) -> None:
    set_pool(cluster, "fault", {"placeholder": {"replicas": replicas}})


@pytest.fixture
def full(installed: Cluster, client: PodClient) -> Iterator[Cluster]:
    """The installation whose placeholders hold every GPU that is left."""
    at_rest(installed, client, "fault", workers=0)
    placeholders(installed, MORE_THAN_GPUS)
    until(lambda: all_placed(installed), "placeholders to hold all", 120, 0.5)
    yield installed
    placeholders(installed, 0)
    until(lambda: not installed.all_pods(PLACEHOLDERS), "the placeholders to go", 60, 0.5)


def running(cluster: Cluster) -> set[str]:
    """The placeholders that have a GPU."""
    return {pod["metadata"]["name"] for pod in cluster.pods(PLACEHOLDERS) if is_ready(pod)}


def waiting(cluster: Cluster) -> set[str]:
    """Those for which no GPU is left."""
    return {
        pod["metadata"]["name"]
        for pod in cluster.pods(PLACEHOLDERS)
        if any(
            each["type"] == "PodScheduled" and each["status"] == "False"
            for each in pod["status"].get("conditions", ())
        )
    }


def all_placed(cluster: Cluster) -> bool:
    """Whether each placeholder either runs or has been told that no GPU is left."""
    without = len(waiting(cluster))
    return without > 0 and len(running(cluster)) + without == MORE_THAN_GPUS


def test_a_placeholder_gives_way_to_a_worker_at_once(full: Cluster, client: PodClient) -> None:
    before = running(full)
    (task_id,) = client.submit(1, model="fault", do="answer")
    record = client.ended([task_id], 180)[task_id]
    assert record["status"] == "success", "a worker came although no GPU was free"
    assert before - running(full), "and a placeholder made room for it"
