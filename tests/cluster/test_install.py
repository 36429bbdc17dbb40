"""The README's installation, as whoever reads it gets it."""

from testkit.cluster import GATEWAYS, WORKERS, Cluster, is_ready, name_of
from testkit.pod_client import PodClient
from testkit.waiting import until
from tests.cluster.conftest import readme_line

RELEASE = "trial"
MATCH = {"match_id": 6508}


def test_the_installation_is_ready_and_its_own_test_passes(installed: Cluster) -> None:
    until(
        lambda: [is_ready(pod) for pod in installed.pods(GATEWAYS)] == [True, True],
        "two gateways to be ready",
        120,
        1,
    )
    assert "Succeeded" in installed.run(*readme_line("helm test"), limit_s=1000)


def test_a_prediction_through_the_service_waited_for_and_not(client: PodClient) -> None:
    accepted = client.call("POST", "/predict/async/", MATCH)
    assert accepted["status"] == 202
    task_id = accepted["answer"]["task_id"]
    assert client.ended([task_id])[task_id]["status"] == "success"
    answered = client.call("POST", "/predict/", MATCH, **{"Cache-Control": "no-cache"})
    assert answered["status"] == 200
    assert set(answered["answer"]["result"]) == {"home", "draw", "away", "outcome"}


def test_the_first_call_to_a_pool_at_zero_is_a_504_with_its_id_and_then_has_its_result(
    both_pools: Cluster, client: PodClient
) -> None:
    until(lambda: not both_pools.all_pods(WORKERS), "every pool to be at zero", 240, 1)
    headers = {"Cache-Control": "no-cache", "Prefer": "wait=3"}
    first = client.call("POST", "/predict/", MATCH, **headers)
    assert first["status"] == 504, first
    task_id = first["answer"]["task_id"]
    coming = until(client.starting, "a worker to be on its way")
    assert {pod["model"] for pod in coming} == {"match-outcome"}
    assert client.ended([task_id])[task_id]["status"] == "success"


def test_what_runs_is_what_the_chart_says_and_nothing_is_root(
    installed: Cluster, client: PodClient
) -> None:
    whoami = "import os; print(os.getuid(), os.access('/srv', os.W_OK), os.access('/tmp', os.W_OK))"

    def looked_at() -> bool:
        """All that is ready, a worker among it.

        A pod may go between being listed and being asked; then all are asked again. A worker stays
        for seconds only, so each try brings one up and asks it first.
        """
        asked = client.call("POST", "/predict/async/", MATCH, **{"Cache-Control": "no-cache"})
        assert asked["status"] == 202, asked
        workers = [pod for pod in installed.pods(WORKERS) if is_ready(pod)]
        try:
            pods = [*workers, *installed.pods(GATEWAYS)]
            said = {
                name_of(pod): installed.kubectl(
                    "exec", name_of(pod), "--", "python", "-c", whoami
                ).split()
                for pod in pods
            }
        except AssertionError:
            return False
        assert set(map(tuple, said.values())) == {("10001", "False", "True")}, said
        return bool(workers)

    until(looked_at, "the gateways and a worker to be looked at", 240, 1)
