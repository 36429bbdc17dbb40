"""What a pod's status says to a person who waits for a worker.

The statuses are those that a real kubelet and scheduler wrote.
"""

import asyncio
from typing import Any

import pytest

from app.background.worker_pods import WorkerPods, describe

SCHEDULED = {"type": "PodScheduled", "status": "True"}
NOT_READY = {"type": "Ready", "status": "False", "lastTransitionTime": "2026-11-22T04:00:00Z"}


def pod(
    conditions: list[dict[str, Any]], *containers: dict[str, Any], **metadata: Any
) -> dict[str, Any]:
    about = {
        "name": "worker-1",
        "labels": {"inference/pool": "fault"},
        "creationTimestamp": "2026-11-22T03:59:00Z",
    } | metadata
    return {
        "metadata": about,
        "status": {
            "phase": "Pending",
            "conditions": conditions,
            "containerStatuses": list(containers),
        },
    }


def waiting(reason: str, message: str = "", **more: Any) -> dict[str, Any]:
    return {
        "image": "inference-worker:1",
        "state": {"waiting": {"reason": reason, "message": message}},
    } | more


GONE = {"terminated": {"exitCode": 1, "message": "worker: the store did not answer\n"}}


@pytest.mark.parametrize(
    ("found", "reason", "message"),
    [
        (
            pod(
                [
                    {
                        "type": "PodScheduled",
                        "status": "False",
                        "message": "0/1 nodes are available: 1 Insufficient nvidia.com/gpu.",
                    }
                ]
            ),
            "pending",
            "0/1 nodes are available: 1 Insufficient nvidia.com/gpu.",
        ),
        (pod([]), "pending", "no node was chosen yet"),
        (
            pod([SCHEDULED, NOT_READY], waiting("ImagePullBackOff", 'Back-off pulling image "x"')),
            "image",
            'ImagePullBackOff: Back-off pulling image "x"',
        ),
        (
            pod([SCHEDULED, NOT_READY], waiting("ContainerCreating")),
            "creating",
            "ContainerCreating: its image is pulled, or its volumes are mounted",
        ),
        (
            pod(
                [SCHEDULED, NOT_READY],
                waiting("CrashLoopBackOff", "back-off 10s", restartCount=2, lastState=GONE),
            ),
            "crashing",
            "ended with 1 (worker: the store did not answer), started 3 times",
        ),
        (
            pod([SCHEDULED, NOT_READY], {"state": {"running": {}}}),
            "loading",
            "it runs, and does not hold its model yet",
        ),
    ],
)
def test_a_pod_that_is_not_ready_says_why(found: dict[str, Any], reason: str, message: str) -> None:
    said = describe(found)
    assert said is not None
    assert (said.pod, said.model, said.reason, said.message) == (
        "worker-1",
        "fault",
        reason,
        message,
    )


def test_a_pod_that_is_ready_or_on_its_way_out_is_none_to_wait_for() -> None:
    assert (
        describe(pod([SCHEDULED, NOT_READY | {"status": "True"}], {"state": {"running": {}}}))
        is None
    )
    assert (
        describe(
            pod(
                [SCHEDULED, NOT_READY],
                {"state": {"running": {}}},
                deletionTimestamp="2026-11-22T04:01:00Z",
            )
        )
        is None
    )


def test_kubernetes_is_asked_once_in_two_seconds_and_its_failure_is_no_failure_of_ours() -> None:
    asked: list[int] = []

    def refused() -> list[dict[str, Any]]:
        asked.append(1)
        raise ConnectionRefusedError("no route")

    async def twice() -> list[object]:
        pods = WorkerPods(refused)
        return [await pods.coming(), await pods.coming()]

    assert asyncio.run(twice()) == [None, None]
    assert asked == [1]
    assert asyncio.run(WorkerPods(None).coming()) is None
