"""Tests clocks that are wrong by an hour, all of them and each its own way.

The store's clock also steps by an hour while work is under way.
"""

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest

from testkit.clocks import SteppingClock, off_by
from testkit.servers import Valkey
from testkit.stack import Stack
from testkit.submitter import Submitter
from testkit.waiting import until
from tests.integration.conftest import stop

HOUR_S = 3600
STEPS = (HOUR_S, 0, -HOUR_S, 0)
pytestmark = pytest.mark.clock


@pytest.fixture
def clock(tmp_path: Path) -> SteppingClock:
    """The store's."""
    return SteppingClock(tmp_path / "clock")


@pytest.fixture(params=["1", "8"])
def stack(
    request: pytest.FixtureRequest, tmp_path: Path, clock: SteppingClock, fault_registry: str
) -> Iterator[Stack]:
    """A gateway and a worker that are an hour early, and one of each an hour late.

    Records that ended are kept for a day.
    """
    valkey = Valkey(tmp_path / "valkey", env=clock.env)
    valkey.start()
    settings = {
        "MAX_BATCH_SIZE": request.param,
        "MAX_BATCH_WAIT_MS": "300",
        "RUN_LIMIT_S": "60",
        "RESULT_TTL_S": "86400",
    }
    stack = Stack(tmp_path, valkey, fault_registry, "fault", settings)
    for seconds in (HOUR_S, -HOUR_S):
        stack.add_worker(wait=False, **off_by(seconds))
    for seconds in (HOUR_S, -HOUR_S):
        stack.add_gateway(**off_by(seconds))
    for worker in stack.workers:
        stack.wait_for(worker)
    yield stack
    stop(stack)


def runs_of(stack: Stack) -> Counter[str]:
    """How often each record was begun, by the workers' logs."""
    return Counter(
        task_id
        for worker in stack.workers
        for row in worker.events("prediction.began")
        for task_id in row["task_ids"]
    )


def test_a_store_whose_clock_steps_by_an_hour_holds_nothing_up_and_confuses_no_claim(
    stack: Stack, clock: SteppingClock
) -> None:
    client = stack.client()
    with Submitter(stack.client(), seconds=0.02, most_outstanding=20) as submitter:
        for seconds in STEPS:
            long_run = client.begun(client.submit({"do": "answer", "seconds": 4, "value": seconds}))
            clock.set(seconds)
            more = len(submitter.accepted) + 20
            until(
                partial(lambda more: len(submitter.accepted) > more, more),
                "submissions after the step",
            )
            for task_id in [long_run, list(submitter.accepted)[-1]]:
                assert client.ended(task_id)["status"] == "success", (
                    f"after a step to {seconds:+d} s"
                )
            assert (client.status(long_run)["attempts"], runs_of(stack)[long_run]) == (0, 1), (
                f"after a step to {seconds:+d} s"
            )
    accepted = submitter.accepted
    with ThreadPoolExecutor(4) as pool:
        ends = dict(zip(accepted, pool.map(client.ended, accepted), strict=True))
    assert Counter((end["status"], end["attempts"]) for end in ends.values()) == {
        ("success", 0): len(accepted)
    }
    assert {task_id: end["result"]["value"] for task_id, end in ends.items()} == accepted
    assert [task_id for task_id in accepted if runs_of(stack)[task_id] != 1] == []
    assert client.queue()["outstanding"] == 0
