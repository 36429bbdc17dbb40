"""Store and broker behind Sentinels, by TLS with client certificates, as users of least rights.

It takes longer than CI has, so it is run by its name: `pytest tests/cluster/by_hand_secure.py`.
It uses the registry of `faults`, so all that it adds are two Valkeys, three Sentinels, a gateway
and a worker.
"""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from testkit.cluster import GATEWAYS, Cluster, is_ready, name_of
from testkit.pod_client import PodClient
from testkit.pods_of_valkey import SERVERS, PodsOfValkey
from testkit.secure_valkey import BROKER_USER, PASSWORD, STORE_USER
from testkit.stack import ROOT
from testkit.waiting import until
from testkit.worker_logs import WorkerLogs
from tests.cluster.conftest import CHART, client_pod, restricted_namespace
from tests.cluster.conftest import RELEASE as NAME

RELEASE = "faults"
POOL = "inference/pool=fault"
NEW_PASSWORD = "another/one@100%"


class Secure:
    """The installation and its servers."""

    def __init__(self, cluster: Cluster, folder: Path, image: str) -> None:
        self.cluster = cluster
        self.servers = PodsOfValkey(cluster, image)
        self._values = folder / "urls.json"

    def install(self, password: str) -> None:
        """Installs or upgrades; returns at once."""
        urls = {
            "store": {"url": self.servers.url(STORE_USER, password, 0, "store")},
            "broker": {"url": self.servers.url(BROKER_USER, password, 1, "broker")},
        }
        self._values.write_text(json.dumps(urls), encoding="utf-8")
        files = [ROOT / f"tests/cluster/values-{name}.yaml" for name in ("fault-model", "secure")]
        options = [word for file in (*files, self._values) for word in ("-f", str(file))]
        self.cluster.helm("upgrade", "--install", NAME, CHART, *options)

    def rolled_out(self) -> None:
        """Waits for the gateway of the latest upgrade, and for that of before to be gone."""
        deployment = f"deployment/{NAME}-api"
        self.cluster.kubectl("rollout", "status", deployment, "--timeout=5m", limit_s=310)
        pods = self.cluster.all_pods
        until(lambda: len(pods(GATEWAYS)) == 1, "the gateway of before to be gone", 60, 0.5)


@pytest.fixture(scope="module")
def secure(installed: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secure]:
    cluster = restricted_namespace(installed, "secure")
    folder = tmp_path_factory.mktemp("secure")
    tryout = installed.pods("app.kubernetes.io/component=valkey")[0]
    made = Secure(cluster, folder, str(tryout["spec"]["containers"][0]["image"]))
    made.servers.start(folder)
    made.servers.set_users()
    made.install(PASSWORD)
    made.rolled_out()
    yield made
    cluster.run("kubectl", "delete", "namespace", "secure", "--wait=false")


@pytest.fixture(scope="module")
def caller(secure: Secure) -> Iterator[PodClient]:
    with client_pod(secure.cluster) as pod:
        yield pod


def running(secure: Secure) -> list[str]:
    return [name_of(pod) for pod in secure.cluster.pods(POOL) if is_ready(pod)]


def test_a_new_password_breaks_no_run_off_and_the_old_one_can_go(
    secure: Secure, caller: PodClient
) -> None:
    """KEDA, gateways and workers are told of the new one while a run goes on with the old."""
    with WorkerLogs(secure.cluster, "fault") as logs:
        long = caller.submit(1, model="fault", do="answer", seconds=30)
        until(lambda: logs.began(long), "the run to begin", 180)
        before = running(secure)
        secure.servers.set_users(f">{NEW_PASSWORD}")
        secure.install(NEW_PASSWORD)
        secure.rolled_out()
        (record,) = caller.ended(long).values()
        assert (record["status"], record["attempts"]) == ("success", 0)
        until(
            lambda: not set(before) & {name_of(pod) for pod in secure.cluster.all_pods(POOL)},
            "the worker of before to be gone",
            90,
        )
        secure.servers.set_users(f"<{PASSWORD}")
        jobs = caller.submit(5, model="fault", do="answer")
        assert {record["status"] for record in caller.ended(jobs).values()} == {"success"}
        assert sorted(logs.runs()) == sorted([*long, *jobs])
    refused = [what for server in SERVERS for what in secure.servers.refused(server)]
    assert {what.split(": ")[1] for what in refused} <= {"info", "config|get"}, refused


def test_a_primary_s_pod_that_is_killed_is_followed_by_the_service_and_by_keda(
    secure: Secure, caller: PodClient
) -> None:
    jobs = caller.submit(3, model="fault", do="answer")
    assert {record["status"] for record in caller.ended(jobs).values()} == {"success"}
    until(lambda: not secure.cluster.all_pods(POOL), "the pool to be at zero", 90)
    old = secure.servers.primary()
    secure.servers.kill(old)
    until(lambda: secure.servers.primary() != old, "another primary", 60, 0.5)
    body = {"model": "fault", "features": {"do": "answer", "value": 7}}

    def accepted() -> str:
        told = caller.call("POST", "/predict/async/", body)
        assert told["status"] in (202, 503), told
        return str(told["answer"].get("task_id", ""))

    task_id = until(accepted, "a prediction to be taken", 30)
    (record,) = caller.ended([task_id]).values()
    assert record["status"] == "success", "KEDA brought a worker from zero by the new primary"
    kept = caller.ended(jobs).values()
    assert {record["status"] for record in kept} == {"success"}
