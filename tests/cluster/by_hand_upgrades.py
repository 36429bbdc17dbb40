"""Ten rollouts in a row under load, by hand: `pytest tests/cluster/by_hand_upgrades.py`.

They take longer than CI has; tests/cluster/test_upgrade.py has two of them. Each replaces all
gateways and all workers.
"""

from functools import partial

from testkit.cluster import GATEWAYS, Cluster
from testkit.pod_client import PodClient
from testkit.waiting import until
from tests.cluster.conftest import at_rest
from tests.cluster.test_upgrade import NEXT, WORK, tags

RELEASE = "faults"
ROLLOUTS, CALLS = 10, 10_000


def is_over(cluster: Cluster, new: bool) -> bool:
    """Whether all gateways and workers that are ready have the new image, or the one before."""
    now = [tags(cluster, selector) for selector in (GATEWAYS, "inference/pool=fault")]
    return all(now) and {tag == NEXT for found in now for tag in found} == {new}


def test_ten_rollouts_fail_none_of_ten_thousand_calls(
    installed: Cluster, client: PodClient
) -> None:
    images = [f"--set=image.{name}.tag={NEXT}" for name in ("api", "worker")]
    at_rest(installed, client, "fault", workers=3)
    with client.load(pause_s=0.2, **WORK | {"seconds": 0.1}) as load:
        for turn in range(ROLLOUTS):
            if turn % 2 == 0:
                installed.helm(
                    "upgrade", "inference", "charts/inference", "--reset-then-reuse-values", *images
                )
            else:
                installed.helm("rollback", "inference")
            until(partial(is_over, installed, turn % 2 == 0), f"rollout {turn + 1}", 300, 0.5)
            print(f"rollout {turn + 1}: {len(load.rows)} calls, {len(load.failed())} failed")
        until(lambda: len(load.rows) >= CALLS, "so many calls", 900, 1)
    assert load.failed() == []
    records = client.ended(load.accepted(), 300)
    assert {record["status"] for record in records.values()} == {"success"}
    assert {record["attempts"] for record in records.values()} == {0}
    print(f"{len(load.rows)} calls through {ROLLOUTS} rollouts, none failed")
