"""What a cluster does to pods, each under load: the client's log against the store, and nothing accepted is lost."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.support.cluster import GATEWAYS, Cluster, Load, PodClient, WorkerLogs, is_ready, name_of
from tests.support.waiting import until

WORK = {"model": "fault", "do": "answer", "seconds": 0.2}


def evict(cluster: Cluster, pod: str) -> None:
    """As a drain does: asks again while a PodDisruptionBudget holds the pod."""
    eviction = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": pod, "namespace": cluster.namespace}}
    path = f"/api/v1/namespaces/{cluster.namespace}/pods/{pod}/eviction"

    def taken() -> bool:
        try:
            cluster.kubectl("create", "--raw", path, "-f", "-", stdin=json.dumps(eviction))
        except AssertionError as error:
            if "disruption budget" not in str(error):
                raise
            return False
        return True

    until(taken, f"the disruption budget to let {pod} go", 120, 1)


def delete(cluster: Cluster, pod: str) -> None:
    cluster.kubectl("delete", "pod", pod, "--wait=false")


def kill_container(cluster: Cluster, pod: str) -> None:
    """Kill -9 of the container's first process, from the node: a pod there that sees its processes."""
    uid = cluster.get("pod", pod)["metadata"]["uid"]
    image = cluster.pods(GATEWAYS)[0]["spec"]["containers"][0]["image"]
    container = {
        "name": "killer",
        "image": image,
        "command": ["python3", "-c", KILL, uid.replace("-", "_"), uid],
        "securityContext": {"privileged": True, "runAsUser": 0},
    }
    spec = {"hostPID": True, "restartPolicy": "Never", "containers": [container]}
    name = f"killer-{uid[:8]}"
    body = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec}
    cluster.run("kubectl", "-n", "default", "apply", "-f", "-", stdin=json.dumps(body))
    cluster.run("kubectl", "-n", "default", "wait", f"pod/{name}", "--for=jsonpath={.status.phase}=Succeeded", "--timeout=60s")
    cluster.run("kubectl", "-n", "default", "delete", "pod", name, "--wait=false")


KILL = """
import os, pathlib, signal, sys
def ours(entry):
    try:
        group, command = (entry / "cgroup").read_text(), (entry / "cmdline").read_bytes()
    except OSError:
        return False
    return any(uid in group for uid in sys.argv[1:]) and (b"worker" in command or b"uvicorn" in command)
found = sorted(int(entry.name) for entry in pathlib.Path("/proc").iterdir() if entry.name.isdecimal() and ours(entry))
os.kill(found[0], signal.SIGKILL)
"""


def running_worker(cluster: Cluster, logs: WorkerLogs) -> str:
    """A pod of the fault pool that has begun to run predictions."""
    until(logs.runs, "a run to begin", 120)
    return name_of(next(pod for pod in cluster.pool("fault") if pod["status"]["phase"] == "Running"))


def nothing_is_lost(client: PodClient, load: Load, attempts: int) -> dict[str, Any]:
    """All that was accepted has succeeded with its own value, and cost at most so many attempts."""
    accepted = load.accepted()
    records = client.ended(accepted, 240)
    assert {record["status"] for record in records.values()} == {"success"}
    assert [records[task_id]["result"]["value"] for task_id in accepted] == [row["value"] for row in accepted.values()]
    assert max(record["attempts"] for record in records.values()) <= attempts
    return records


@pytest.mark.parametrize(("what", "attempts"), [(delete, 0), (evict, 0), (kill_container, 1)], ids=["deleted", "evicted", "killed"])
def test_a_worker_that_is(fault_pool: Cluster, quiet: PodClient, what: Callable[[Cluster, str], None], attempts: int) -> None:
    with WorkerLogs(fault_pool, "fault") as logs:
        with quiet.load(**WORK) as load:
            what(fault_pool, running_worker(fault_pool, logs))
            before = len(load.accepted())
            until(lambda: len(load.accepted()) > before + 20, "the load to go on", 120)
        records = nothing_is_lost(quiet, load, attempts)
        assert load.failed() == []
        if attempts == 0:
            until(lambda: len(logs.runs()) >= len(records), "the logs to have every run")
            assert sorted(logs.runs()) == sorted(records), "a worker that was asked to stop let a run go twice"


@pytest.mark.parametrize("what", [delete, evict], ids=["deleted", "evicted"])
def test_every_request_is_answered_while_a_gateway_is(
    fault_pool: Cluster, quiet: PodClient, what: Callable[[Cluster, str], None]
) -> None:
    with quiet.load(**WORK) as load:
        gone = name_of(fault_pool.pods(GATEWAYS)[0])
        what(fault_pool, gone)
        until(
            lambda: gone not in {name_of(pod) for pod in fault_pool.get("pods", "-l", GATEWAYS)["items"]}, f"{gone} to end", 90, 0.5
        )
        before = len(load.accepted())
        until(lambda: len(load.accepted()) > before + 20, "the load to go on", 120)
    assert load.failed() == []
    nothing_is_lost(quiet, load, attempts=0)


def test_what_was_accepted_survives_a_gateway_that_is_killed(fault_pool: Cluster, quiet: PodClient) -> None:
    with quiet.load(**WORK) as load:
        kill_container(fault_pool, name_of(fault_pool.pods(GATEWAYS)[0]))
        before = len(load.accepted())
        until(lambda: len(load.accepted()) > before + 50, "the load to go on", 120)
    assert {row["status"] for row in load.failed()} <= {0}, "only what was in the killed process may fail, by its connection"
    nothing_is_lost(quiet, load, attempts=0)


def test_a_store_whose_pod_is_killed_comes_back_by_itself_with_all_that_was_accepted(fault_pool: Cluster, quiet: PodClient) -> None:
    with quiet.load(**WORK) as load:
        fault_pool.kubectl("delete", "pod", "inference-valkey-0", "--grace-period=0", "--force")
        until(lambda: any(row["status"] == 503 for row in load.failed()), "the store to be missed", 60)
        before = len(load.accepted())
        until(lambda: len(load.accepted()) > before + 20, "submissions to be accepted again", 120)
    # 0 is no answer: without a store no gateway is ready, and after some seconds the Service has none to send a call to.
    assert {row["status"] for row in load.failed()} <= {503, 0}
    nothing_is_lost(quiet, load, attempts=1)


def test_a_store_and_broker_that_are_away_for_a_minute_restart_no_worker(fault_pool: Cluster, quiet: PodClient) -> None:
    """Longer than the kubelet takes to restart a worker that fails its liveness probe: 30 s, and three probes in another 30.

    Two minutes in all. KEDA is paused, or it would take the idle worker away.
    """
    short, long = (quiet.submit(1, model="fault", do="answer", seconds=seconds) for seconds in (1, 30))
    until(lambda: [is_ready(pod) for pod in fault_pool.pool("fault")] == [True, True], "two workers", 180, 0.5)
    pausing = ("annotate", "scaledobject", "-l", "inference/pool=fault")
    fault_pool.kubectl(*pausing, "autoscaling.keda.sh/paused=true")
    try:
        quiet.ended(short)
        before = life(fault_pool)
        with without_store(fault_pool):
            until(lambda: all(tries(fault_pool, pod) >= 17 for pod in before), "the workers to miss them for over a minute", 240, 2)
        records = quiet.ended([*long, *quiet.submit(1, model="fault", do="answer")])
        assert {(record["status"], record["attempts"]) for record in records.values()} == {("success", 0)}
        assert life(fault_pool) == before
    finally:
        fault_pool.kubectl(*pausing, "autoscaling.keda.sh/paused-")


@contextmanager
def without_store(cluster: Cluster) -> Iterator[None]:
    """Takes the store, which is the broker too, away while inside."""
    cluster.kubectl("scale", "statefulset/inference-valkey", "--replicas=0")
    try:
        yield
    finally:
        cluster.kubectl("scale", "statefulset/inference-valkey", "--replicas=1")
        until(lambda: all(map(is_ready, cluster.pods(GATEWAYS))), "the gateways to be ready again", 180, 0.5)


def life(cluster: Cluster) -> dict[str, tuple[int, int]]:
    """How often each worker of the fault pool was restarted and loaded its model."""
    pods = {name_of(pod): pod["status"]["containerStatuses"][0]["restartCount"] for pod in cluster.pool("fault")}
    return {pod: (restarts, cluster.kubectl("logs", pod).count('"model.loaded"')) for pod, restarts in pods.items()}


def tries(cluster: Cluster, pod: str) -> int:
    """How often a worker tried in vain to reach the broker; it pauses 1, 2, 3, 4 and then 5 s."""
    return cluster.kubectl("logs", pod).count("Trying again in")
