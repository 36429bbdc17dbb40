"""Tests scaling from zero to many and back, by the work outstanding.

They check the number that KEDA reads, the workers that it starts, and that no running job pays for
it.
"""

import math
import time
from datetime import datetime
from urllib.parse import quote

import pytest

from testkit.cluster import Cluster, Json, is_ready
from testkit.pod_client import PodClient
from testkit.waiting import until
from testkit.worker_logs import WorkerLogs
from tests.cluster.conftest import at_rest

RELEASE = "scaling"
JOBS = 200
MOST = 3


@pytest.fixture
def quiet(installed: Cluster, client: PodClient) -> PodClient:
    """The client, once there is no worker."""
    at_rest(installed, client, "fault", workers=0)
    return client


def seconds(stamp: str) -> float:
    """A time of Kubernetes' or of a log's, as seconds since 1970."""
    return datetime.fromisoformat(stamp).timestamp()


def keda_metric(cluster: Cluster, scaled: str) -> float:
    """The number that KEDA hands to the HPA, and the target beside it is not in it."""
    name = cluster.get("scaledobjects", scaled)["status"]["externalMetricNames"][0]
    group = "apis/external.metrics.k8s.io/v1beta1"
    path = f"{group}/namespaces/{cluster.namespace}/{quote(name, safe='')}"
    try:
        answer = cluster.api.get(path, labelSelector=f"scaledobject.keda.sh/name={scaled}")
    except OSError:  # KEDA asked a gateway in vain within its own time: no number this time
        return math.nan
    value = str(answer["items"][0]["value"])
    return float(value[:-1]) / 1000 if value.endswith("m") else float(value)


def all_succeeded_once(records: dict[str, Json], logs: WorkerLogs) -> None:
    """Every job ended well, and the workers' own logs have one run of each."""
    assert {record["status"] for record in records.values()} == {"success"}
    until(lambda: len(logs.runs()) >= len(records), "the logs to have every run")
    assert sorted(logs.runs()) == sorted(records), "a job was run twice"


def test_two_hundred_jobs_bring_workers_up_to_the_maximum_and_back_to_zero(
    installed: Cluster, quiet: PodClient
) -> None:
    with WorkerLogs(installed, "fault") as logs:
        began = time.time()
        jobs = quiet.submit(JOBS, model="fault", do="answer", seconds=0.2)
        until(lambda: len(installed.pool("fault")) >= MOST, "the most workers", 120, 0.3)
        until(lambda: len(logs.pods) >= MOST, "all of them to run", 120, 0.3)
        pods = installed.pool("fault")
        assert len(pods) == MOST
        gpus = [
            pod["spec"]["containers"][0]["resources"]["limits"]["nvidia.com/gpu"] for pod in pods
        ]
        assert gpus == ["1"] * MOST
        records = quiet.ended(jobs)
        all_succeeded_once(records, logs)
        until(
            lambda: not installed.all_pods("inference/pool=fault"),
            "the pool to be at zero",
            240,
            0.2,
        )
        zero = time.time()
    say_times(began, pods, logs, records, zero)


def say_times(
    began: float, pods: list[Json], logs: WorkerLogs, records: dict[str, Json], zero: float
) -> None:
    """Prints how long each part took.

    KEDA takes until there is a pod, Kubernetes until its container runs, the worker until it
    claims.
    """
    first = min(pods, key=lambda pod: str(pod["metadata"]["creationTimestamp"]))
    created = seconds(first["metadata"]["creationTimestamp"])
    ran = seconds(first["status"]["containerStatuses"][0]["state"]["running"]["startedAt"])
    claimed = min(seconds(row["timestamp"]) for row in logs.events("prediction.began"))
    last = max(seconds(record["ended_at"]) for record in records.values())
    print(f"zero to {MOST} to zero with {len(records)} jobs, in seconds:")
    print(
        f"  first pod {created - began:.0f} (KEDA), "
        f"its container runs {ran - created:.0f} later (Kubernetes)"
    )
    print(
        f"  first claim {claimed - ran:.1f} later (the worker: imports, model, warm-up), "
        f"{claimed - began:.1f} in all"
    )
    print(f"  last result {last - began:.1f}, zero {zero - began:.1f}")


def test_jobs_longer_than_the_cool_down_survive_scaling_down(
    installed: Cluster, quiet: PodClient
) -> None:
    with WorkerLogs(installed, "fault") as logs:
        long = quiet.submit(2, model="fault", do="answer", seconds=60)
        short = quiet.submit(2, model="fault", do="answer", seconds=1)
        until(lambda: len(installed.pool("fault")) == MOST, "the most workers", 120, 0.5)
        quiet.ended(short)
        until(lambda: len(installed.pool("fault")) < MOST, "scaling down to be under way", 120, 0.5)
        assert quiet.queue("fault")["running"], "the long jobs were to be running yet"
        all_succeeded_once(quiet.ended([*long, *short]), logs)


def test_what_keda_reads_is_what_the_gateway_says(installed: Cluster, quiet: PodClient) -> None:
    def agreed(state: str) -> bool:
        """What is outstanding can only become less between the three answers."""
        before, metric, queue = (
            quiet.queue("fault"),
            keda_metric(installed, "inference-worker-fault"),
            quiet.queue("fault"),
        )
        return bool(queue[state]) and before["outstanding"] >= metric >= queue["outstanding"]

    def retried() -> bool:
        """Whether KEDA and the gateway agree on the retries; submits more when none is left.

        Records that raise are retried for some seconds only.
        """
        if not quiet.queue("fault")["outstanding"]:
            flaky.update(quiet.submit(20, model="fault", do="raise"))
        return agreed("retry")

    jobs = quiet.submit(6, model="fault", do="answer", seconds=5)
    until(lambda: agreed("waiting"), "KEDA to count what waits", 60, 0.5)
    until(lambda: agreed("running"), "KEDA to count what runs", 120, 0.5)
    flaky = quiet.submit(20, model="fault", do="raise")
    until(retried, "KEDA to count what is to be retried", 180, 0.2)
    ended = quiet.ended([*jobs, *flaky], 300)
    assert {ended[task_id]["status"] for task_id in jobs} == {"success"}
    until(
        lambda: keda_metric(installed, "inference-worker-fault") == 0,
        "KEDA to count nothing",
        60,
        0.5,
    )


def test_a_worker_that_no_node_has_a_gpu_for_is_named_with_the_reason(
    installed: Cluster, quiet: PodClient
) -> None:
    installed.helm(
        *(
            "upgrade",
            "inference",
            "charts/inference",
            "--reset-then-reuse-values",
            "--set",
            "workerPools.fault.gpu.count=1000",
        )
    )
    try:
        job = quiet.submit(1, model="fault", do="answer")

        def named() -> bool:
            """Until the scheduler has looked at it, no reason is known."""
            pending = [
                pod["message"]
                for pod in quiet.starting()
                if pod["reason"] == "pending" and pod["model"] == "fault"
            ]
            return any("Insufficient nvidia.com/gpu" in message for message in pending)

        until(named, "the worker to be shown as pending, and why", 120, 0.5)
    finally:
        installed.helm("rollback", "inference")
    assert quiet.ended(job, 240)[next(iter(job))]["status"] == "success"
    until(
        lambda: all(is_ready(pod) for pod in installed.pool("fault")),
        "the pool to be whole again",
        120,
        1,
    )
