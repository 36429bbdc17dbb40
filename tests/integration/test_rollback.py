"""Cuts a store back by its last second, under load.

The submissions of that second are gone with it, and nothing else is wrong.
"""

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from testkit.stack import Client, Stack
from testkit.submitter import Submitter
from testkit.waiting import until
from tests.integration.conftest import MakeStack

CUT_S = 1.0


def log_of(stack: Stack) -> Path:
    """The append-only file that grows."""
    (growing,) = stack.valkey.folder.glob("appendonlydir/*.incr.aof")
    return growing


def size_a_second_ago(stack: Stack) -> int:
    """Returns the size that the file had at least a second ago.

    It watches the file for a little longer than a second.
    """
    sizes: list[tuple[float, int]] = []

    def old_enough() -> bool:
        sizes.append((time.monotonic(), log_of(stack).stat().st_size))
        return sizes[-1][0] - sizes[0][0] >= CUT_S

    until(old_enough, "a second to pass", step_s=0.005)
    return max(size for at, size in sizes if sizes[-1][0] - at >= CUT_S)


def cut_back(stack: Stack) -> int:
    """Takes the last second from the store, as losing its unsynced writes would.

    Returns how many bytes that were.
    """
    keep = size_a_second_ago(stack)
    stack.valkey.kill()
    growing = log_of(stack)
    lost = growing.stat().st_size - keep
    with growing.open("r+b") as file:
        file.truncate(keep)
    stack.valkey.start()
    return lost


def ended_or_gone(client: Client, task_id: str) -> str:
    """The final state of a record, or `gone` for one that the store no longer knows."""

    def final() -> str:
        answer = client.get(f"/monitoring/task_status/{task_id}?wait=5")
        if answer.status_code == 404:
            return "gone"
        status = str(answer.json()["status"]) if answer.status_code == 200 else ""
        return status if status in ("success", "failure", "cancelled", "expired") else ""

    return until(final, f"{task_id} to end", 120)


@pytest.mark.parametrize("batch", ["1", "8"])
def test_a_store_that_lost_its_last_second_holds_nothing_up_and_confuses_no_claim(
    make_stack: MakeStack, batch: str
) -> None:
    stack = make_stack(gateways=2, workers=2, MAX_BATCH_SIZE=batch)
    client = stack.client()
    with Submitter(stack.client(), seconds=0.02 if batch == "1" else 0.1) as submitter:
        until(lambda: client.queue()["running"], "work to be under way", step_s=0.005)
        assert cut_back(stack) > 0, "nothing was written in the last second: the cut tested nothing"
        before = len(submitter.accepted)
        until(lambda: len(submitter.accepted) > before + 10, "submissions to be accepted again")
    with ThreadPoolExecutor(4) as pool:
        accepted = submitter.accepted
        ends = dict(
            zip(
                accepted,
                pool.map(lambda task_id: ended_or_gone(client, task_id), accepted),
                strict=True,
            )
        )
    assert set(ends.values()) == {"success", "gone"}, (
        "no accepted record was in the second that was cut off"
    )
    # A claim that the store forgot may run again, and cost one attempt: never more, for one cut.
    survivors = [client.status(task_id) for task_id in accepted if ends[task_id] == "success"]
    assert [record["result"]["value"] for record in survivors] == [
        accepted[record["task_id"]] for record in survivors
    ]
    assert max(record["attempts"] for record in survivors) <= 1
    queue = until(
        lambda: (now := client.queue())["outstanding"] == 0 and now, "nothing to be outstanding"
    )
    assert (queue["waiting"], queue["running"], queue["retry"], queue["dead_letters"]) == (
        0,
        0,
        0,
        0,
    )
    print(
        f"cut back by {CUT_S:g} s, B = {batch}: {len(accepted)} accepted, "
        f"{len(accepted) - len(survivors)} of them gone with it"
    )
