"""Tests each thing that a cluster does to pods, under load.

The tests compare the client's log with the store: nothing accepted is lost.
"""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from testkit.cluster import GATEWAYS, Cluster, is_ready, name_of
from testkit.pod_client import Load, PodClient
from testkit.waiting import until
from testkit.worker_logs import WorkerLogs
from tests.cluster.conftest import at_rest

RELEASE = "faults"
WORK = {"model": "fault", "do": "answer", "seconds": 0.2}
PAUSE_S = 0.2
"""Of each caller, between two predictions: together they are about what three workers can do."""


@pytest.fixture
def quiet(installed: Cluster, client: PodClient) -> PodClient:
    """The client, once its three workers rest."""
    at_rest(installed, client, "fault", workers=3)
    return client


def evict(cluster: Cluster, pod: str) -> None:
    """As a drain does: asks again while a PodDisruptionBudget holds the pod."""

    def taken() -> bool:
        try:
            cluster.evict(pod)
        except AssertionError as error:
            if "disruption budget" not in str(error):
                raise
            return False
        return True

    until(taken, f"the disruption budget to let {pod} go", 120, 1)


def delete(cluster: Cluster, pod: str) -> None:
    cluster.kubectl("delete", "pod", pod, "--wait=false")


def kill_container(cluster: Cluster, pod: str) -> None:
    """Kill -9 of the container's first process, by a pod on its node that sees its processes."""
    uid = cluster.get("pods", pod)["metadata"]["uid"]
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
    cluster.run(
        "kubectl",
        "-n",
        "default",
        "wait",
        f"pod/{name}",
        "--for=jsonpath={.status.phase}=Succeeded",
        "--timeout=60s",
    )
    cluster.run("kubectl", "-n", "default", "delete", "pod", name, "--wait=false")


KILL = """
import os, pathlib, signal, sys
def ours(entry):
    try:
        group, command = (entry / "cgroup").read_text(), (entry / "cmdline").read_bytes()
    except OSError:
        return False
    return any(uid in group for uid in sys.argv[1:]) and \
(b"worker" in command or b"uvicorn" in command)
found = sorted(int(entry.name) for entry in pathlib.Path("/proc").iterdir() \
if entry.name.isdecimal() and ours(entry))
os.kill(found[0], signal.SIGKILL)
"""


def running_worker(load: Load, logs: WorkerLogs) -> str:
    """A pod that has begun to run one of the load's predictions."""
    return until(lambda: sorted(logs.began(load.accepted())), "a run to begin", 120)[0]


def nothing_is_lost(client: PodClient, load: Load, attempts: int) -> dict[str, Any]:
    """All that was accepted has succeeded with its own value, and cost at most so many attempts."""
    accepted = load.accepted()
    records = client.ended(accepted, 240)
    assert {record["status"] for record in records.values()} == {"success"}
    assert [records[task_id]["result"]["value"] for task_id in accepted] == [
        row["value"] for row in accepted.values()
    ]
    assert max(record["attempts"] for record in records.values()) <= attempts
    return records


def test_a_model_that_needs_no_torch_is_served_by_an_image_that_has_none(
    installed: Cluster, quiet: PodClient
) -> None:
    look = "from importlib.util import find_spec; print(find_spec('torch'), find_spec('nvidia'))"
    worker = name_of(installed.pool("fault")[0])
    assert installed.kubectl("exec", worker, "--", "python", "-c", look).split() == ["None", "None"]
    answered = quiet.call(
        "POST", "/predict/", {"model": "fault", "features": {"do": "answer", "value": 7}}
    )
    assert answered["answer"]["result"]["value"] == 7


@pytest.mark.parametrize(
    ("what", "attempts"),
    [(delete, 0), (evict, 0), (kill_container, 1)],
    ids=["deleted", "evicted", "killed"],
)
def test_a_worker_that_is(
    installed: Cluster, quiet: PodClient, what: Callable[[Cluster, str], None], attempts: int
) -> None:
    with WorkerLogs(installed, "fault") as logs:
        with quiet.load(PAUSE_S, **WORK) as load:
            what(installed, running_worker(load, logs))
            before = len(load.accepted())
            until(lambda: len(load.accepted()) > before + 20, "the load to go on", 120)
        records = nothing_is_lost(quiet, load, attempts)
        assert load.failed() == []
        if attempts == 0:
            until(lambda: set(logs.runs()) >= set(records), "the logs to have every run")
            runs = [task_id for task_id in logs.runs() if task_id in records]
            assert sorted(runs) == sorted(records), (
                "a worker that was asked to stop let a run go twice"
            )


@pytest.mark.parametrize("what", [delete, evict], ids=["deleted", "evicted"])
def test_every_request_is_answered_while_a_gateway_is(
    installed: Cluster, quiet: PodClient, what: Callable[[Cluster, str], None]
) -> None:
    with quiet.load(PAUSE_S, **WORK) as load:
        gone = name_of(installed.pods(GATEWAYS)[0])
        what(installed, gone)
        until(
            lambda: gone not in {name_of(pod) for pod in installed.all_pods(GATEWAYS)},
            f"{gone} to end",
            90,
            0.2,
        )
        before = len(load.accepted())
        until(lambda: len(load.accepted()) > before + 20, "the load to go on", 120)
    assert load.failed() == []
    nothing_is_lost(quiet, load, attempts=0)


def test_what_was_accepted_survives_a_gateway_that_is_killed(
    installed: Cluster, quiet: PodClient
) -> None:
    with quiet.load(PAUSE_S, **WORK) as load:
        kill_container(installed, name_of(installed.pods(GATEWAYS)[0]))
        before = len(load.accepted())
        until(lambda: len(load.accepted()) > before + 50, "the load to go on", 120)
    assert {row["status"] for row in load.failed()} <= {0}, (
        "only what was in the killed process may fail, by its connection"
    )
    nothing_is_lost(quiet, load, attempts=0)


def test_a_store_whose_pod_is_killed_comes_back_by_itself_with_all_that_was_accepted(
    installed: Cluster, quiet: PodClient
) -> None:
    with quiet.load(PAUSE_S, **WORK) as load:
        installed.kubectl("delete", "pod", "inference-valkey-0", "--grace-period=0", "--force")
        until(
            lambda: any(row["status"] == 503 for row in load.failed()), "the store to be missed", 60
        )
        before = len(load.accepted())
        until(lambda: len(load.accepted()) > before + 20, "submissions to be accepted again", 120)
    # 0 is no answer: without a store no gateway is ready, and after some seconds the Service has
    # none to send a call to.
    assert {row["status"] for row in load.failed()} <= {503, 0}
    nothing_is_lost(quiet, load, attempts=1)


def test_a_store_and_broker_that_are_away_for_a_minute_restart_no_worker(
    installed: Cluster, quiet: PodClient
) -> None:
    """The outage lasts longer than a failing liveness probe takes to restart a worker.

    The kubelet takes 30 s, and three probes in another 30. The test takes two minutes in all. KEDA
    is paused, or it would take the idle workers away. The busy worker asks the broker for nothing
    meanwhile.
    """
    short, long = (
        quiet.submit(1, model="fault", do="answer", seconds=seconds) for seconds in (1, 30)
    )
    pausing = ("annotate", "scaledobject", "-l", "inference/pool=fault")
    installed.kubectl(*pausing, "autoscaling.keda.sh/paused=true")
    try:
        quiet.ended(short)
        before = life(installed)
        earlier = {pod: tries(installed, pod) for pod in before}
        with without_store(installed):
            until(
                lambda: (
                    sum(tries(installed, pod) - earlier[pod] >= 17 for pod in before)
                    >= len(before) - 1
                ),
                "the idle workers to miss them for over a minute",
                240,
                2,
            )
        until(lambda: reached(quiet), "the Service to lead to a gateway", 60, 0.5)
        records = quiet.ended([*long, *quiet.submit(1, model="fault", do="answer")])
        assert {(record["status"], record["attempts"]) for record in records.values()} == {
            ("success", 0)
        }
        assert life(installed) == before
    finally:
        installed.kubectl(*pausing, "autoscaling.keda.sh/paused-")


@contextmanager
def without_store(cluster: Cluster) -> Iterator[None]:
    """Takes the store, which is the broker too, away while inside."""
    cluster.kubectl("scale", "statefulset/inference-valkey", "--replicas=0")
    try:
        yield
    finally:
        cluster.kubectl("scale", "statefulset/inference-valkey", "--replicas=1")
        until(
            lambda: all(map(is_ready, cluster.pods(GATEWAYS))),
            "the gateways to be ready again",
            180,
            0.5,
        )


def reached(client: PodClient) -> bool:
    """Whether the Service leads to a gateway: that comes some time after a gateway is ready."""
    return bool(client.call("GET", "/readyz")["status"] == 200)


def life(cluster: Cluster) -> dict[str, tuple[int, int]]:
    """How often each worker of the fault pool was restarted and loaded its model."""
    pods = {
        name_of(pod): pod["status"]["containerStatuses"][0]["restartCount"]
        for pod in cluster.pool("fault")
    }
    return {
        pod: (restarts, cluster.kubectl("logs", pod).count('"model.loaded"'))
        for pod, restarts in pods.items()
    }


def tries(cluster: Cluster, pod: str) -> int:
    """How often a worker tried in vain to reach the broker; it pauses 1, 2, 3, 4 and then 5 s."""
    return cluster.kubectl("logs", pod).count("Trying again in")
