"""A pool whose model is missing, beside one that works."""

from collections.abc import Iterator

import pytest

from testkit.cluster import GATEWAYS, Cluster, is_ready, name_of
from testkit.pod_client import PodClient
from testkit.waiting import until
from tests.cluster.conftest import at_rest, set_pool

RELEASE = "faults"
POOL = "inference/pool=broken"
WORK = {"model": "fault", "do": "answer", "seconds": 0.2}


@pytest.fixture
def taken_away(installed: Cluster) -> Iterator[None]:
    """The pool is gone after the test."""
    yield
    set_pool(installed, "broken", {"enabled": False})
    installed.kubectl("rollout", "status", "deployment/inference-api", "--timeout=5m", limit_s=310)
    until(lambda: not installed.all_pods(POOL), "its pods to be gone", 180, 0.5)


@pytest.mark.usefixtures("taken_away")
def test_it_holds_up_no_rollout_of_gateways_and_no_drain(
    installed: Cluster, client: PodClient
) -> None:
    at_rest(installed, client, "fault", workers=3)
    before = {name_of(pod) for pod in installed.pods(GATEWAYS)}
    with client.load(pause_s=0.5, **WORK) as load:
        set_pool(
            installed,
            "broken",
            {
                "modelUri": "models:/absent@production",
                "gpu": {"count": 0},
                "autoscaling": {"minReplicas": 2, "maxReplicas": 2},
            },
        )
        until(
            lambda: (
                [is_ready(pod) and name_of(pod) not in before for pod in installed.pods(GATEWAYS)]
                == [True, True]
            ),
            "new gateways, which know of the pool",
            180,
            0.5,
        )
    assert load.failed() == []
    problem = next(
        model["problem"] for model in client.look("/models")["models"] if model["name"] == "broken"
    )
    assert "models:/absent@production" in problem
    refused = client.call("POST", "/predict/", {"model": "broken", "features": {"do": "answer"}})
    assert refused["status"] == 503
    drained(installed)


def drained(cluster: Cluster) -> None:
    """Evicts its pods, none of which is ready, as a drain of their node does: at the first try."""
    until(lambda: len(cluster.pods(POOL)) == 2, "both of its pods", 120, 0.5)
    broken = cluster.pods(POOL)
    assert not any(map(is_ready, broken))
    for pod in broken:
        cluster.evict(name_of(pod))
