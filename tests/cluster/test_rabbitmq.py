"""RabbitMQ on the cluster: `scaling` is installed with it, so test_scaling's jobs go by it too.

Here its pod is killed, and a live installation moves to the Valkey and back.
"""

from collections.abc import Iterator

import pytest

from testkit.cluster import Cluster, is_ready, name_of
from testkit.pod_client import PodClient
from testkit.waiting import until
from testkit.worker_logs import WorkerLogs
from tests.cluster.conftest import CHART, at_rest
from tests.cluster.conftest import RELEASE as NAME
from tests.cluster.test_scaling import MOST, all_succeeded_once

RELEASE = "scaling"
BROKER = "app.kubernetes.io/component=rabbitmq"


@pytest.fixture
def quiet(installed: Cluster, client: PodClient) -> PodClient:
    """The client, once there is no worker."""
    at_rest(installed, client, "fault", workers=0)
    return client


def broker(cluster: Cluster) -> str:
    """The pod of the one RabbitMQ, once it is ready."""
    (ready,) = until(
        lambda: [pod for pod in cluster.pods(BROKER) if is_ready(pod)], "RabbitMQ to be ready", 120
    )
    return name_of(ready)


def test_what_waits_ends_although_the_broker_s_pod_is_killed(
    installed: Cluster, quiet: PodClient
) -> None:
    """The new one is empty: each ticket that waited is gone."""
    before = broker(installed)
    with WorkerLogs(installed, "fault") as logs:
        jobs = quiet.submit(20, model="fault", do="answer", seconds=1)
        until(lambda: logs.began(jobs), "a run to begin", 120)
        installed.kubectl("delete", "pod", before, "--grace-period=0", "--force")
        assert quiet.queue("fault")["waiting"] > 0, "nothing waited when it was killed"
        jobs |= quiet.submit(5, model="fault", do="answer")  # taken without a broker
        records = quiet.ended(jobs)
        all_succeeded_once(records, logs)
        assert {record["attempts"] for record in records.values()} == {0}
        assert broker(installed) != before


@pytest.fixture
def rolled_back(installed: Cluster) -> Iterator[None]:
    """The installation is on RabbitMQ again afterwards."""
    yield
    installed.helm("rollback", NAME, "--wait", "--timeout", "5m")


@pytest.mark.usefixtures("rolled_back")
def test_a_live_installation_moves_to_valkey_and_what_waits_runs_there(
    installed: Cluster, quiet: PodClient
) -> None:
    """Workers come by what is outstanding and go again, whatever the broker."""
    options = ("--reset-then-reuse-values", "--set", "tryout.broker=valkey")
    with WorkerLogs(installed, "fault") as logs:
        jobs = quiet.submit(40, model="fault", do="answer", seconds=1)
        installed.helm("upgrade", NAME, CHART, *options, "--wait", "--timeout", "5m")
        until(lambda: not installed.all_pods(BROKER), "RabbitMQ to be gone", 60, 0.5)

        def most_workers() -> bool:
            """Work does not run out before they are there."""
            jobs.update(quiet.submit(6, model="fault", do="answer", seconds=1))
            return len(installed.pool("fault")) == MOST

        until(most_workers, "the most workers", 120, 1)
        records = quiet.ended(jobs)
        all_succeeded_once(records, logs)
        assert {record["attempts"] for record in records.values()} == {0}
    until(lambda: not installed.all_pods("inference/pool=fault"), "the pool to be at zero", 240)
