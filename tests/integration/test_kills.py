"""Kills each process with -9 in mid-batch, under two hundred records.

All accepted records end in success, none changes after it ended, and the records of the killed
batch run again. How long that took is printed (`-rP`), for docs/claims.md. One time is to the first
of the batch, which the protocol answers for (aim: lease + 2 s). The other is to the last, which
also waits for its mates, run one by one. Nothing here fails for being slow; machines that run tests
are.
"""

import os
import signal
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest

from testkit.stack import Client, Process, Stack
from testkit.waiting import until
from tests.integration.conftest import MakeStack

pytestmark = pytest.mark.kill

RECORDS = 200
PATIENCE_S = 90.0
BATCH_S = 0.4


@pytest.fixture(scope="module", params=["1", "8"], ids=["one at a time", "batches of 8"])
def shared_stack(request: pytest.FixtureRequest, make_stack: MakeStack) -> Stack:
    return make_stack(gateways=2, workers=2, MAX_BATCH_SIZE=request.param)


@pytest.fixture
def stack(shared_stack: Stack) -> Stack:
    """The module's, whole: what a test killed and nobody starts again is started."""
    for process in [*shared_stack.gateways, *shared_stack.workers]:
        if process.died():
            process.kill()
            process.start()
        shared_stack.wait_for(process)
    return shared_stack


def seconds_of(stack: Stack) -> float:
    """The length of a run, so that two hundred take some ten seconds either way."""
    return BATCH_S if stack.env["MAX_BATCH_SIZE"] == "8" else 0.1


def submit_all(stack: Stack, client: Client) -> list[str]:
    """Submits while the models' processes stand still, so that all of it is left to run."""
    children = [until(worker.model_process, "a model's process") for worker in stack.workers]
    for pid in children:
        stack.stop_process(pid)
    try:
        return [
            client.submit({"do": "answer", "seconds": seconds_of(stack), "value": value})
            for value in range(RECORDS)
        ]
    finally:
        for pid in children:
            stack.resume_process(pid)


def mid_batch(worker: Process) -> set[str]:
    """The records that a worker is running, by its log."""
    ended = {task_id for event in worker.events("prediction.ended") for task_id in event["records"]}
    began = [set(event["task_ids"]) for event in worker.events("prediction.began")]
    return (began[-1] - ended) if began else set()


def newer(worker: Process, before: set[str]) -> set[str]:
    """The batch that a worker is running, if it is another one than before."""
    now = mid_batch(worker)
    return now if now != before else set()


def kill_in_mid_batch(client: Client, worker: Process, pid: Callable[[], int]) -> set[str]:
    """Kills a process while the worker runs a batch, and returns the batch.

    The model's process stands still from before the batch is looked at, so that the batch can't end
    before the kill.
    """
    before = mid_batch(worker)
    while True:
        batch = until(partial(newer, worker, before), "a batch to begin", step_s=0.001)
        target, child = until(pid, "the process"), until(worker.model_process, "its child")
        Stack.stop_process(child)
        if {client.status(task_id)["status"] for task_id in batch} == {"started"}:
            os.kill(target, signal.SIGKILL)
            if target not in (child, worker.pid):  # the child dies with its parent
                Stack.resume_process(child)
            return batch
        Stack.resume_process(child)
        before = batch


def all_succeed_and_stay(client: Client, ids: list[str]) -> None:
    """Every accepted record succeeds with its own value, once, and nothing is outstanding."""
    with ThreadPoolExecutor(8) as pool:
        first = list(pool.map(lambda task_id: client.ended(task_id, limit_s=120), ids))
    assert [record["status"] for record in first] == ["success"] * RECORDS
    assert [record["result"]["value"] for record in first] == list(range(RECORDS))
    assert [client.status(task_id) for task_id in ids] == first
    queue = client.queue()
    assert (queue["waiting"], queue["running"], queue["retry"], queue["outstanding"]) == (
        0,
        0,
        0,
        0,
    )


def began_again(stack: Stack, batch: set[str]) -> int:
    """How many of a batch began once more, by the workers' logs."""
    runs = [
        task_id
        for worker in stack.workers
        for event in worker.events("prediction.began")
        for task_id in event["task_ids"]
    ]
    return sum(runs.count(task_id) > 1 for task_id in batch)


def report(what: str, stack: Stack, seconds: float) -> None:
    print(f"recovery after kill -9 of {what}, B = {stack.env['MAX_BATCH_SIZE']}: {seconds:.1f} s")


def recovers(stack: Stack, batch: set[str], what: str, killed_at: float) -> None:
    """What was in the batch runs again."""
    until(lambda: began_again(stack, batch), "one of the batch to run again", PATIENCE_S)
    report(f"{what}, the first runs again", stack, time.monotonic() - killed_at)
    until(
        lambda: began_again(stack, batch) == len(batch), "all of the batch to run again", PATIENCE_S
    )
    report(f"{what}, the last does", stack, time.monotonic() - killed_at)


def test_the_worker_child(stack: Stack) -> None:
    client = stack.client()
    ids = submit_all(stack, client)
    worker = stack.workers[0]
    batch = kill_in_mid_batch(client, worker, worker.model_process)
    recovers(stack, batch, "the worker's child", time.monotonic())
    all_succeed_and_stay(client, ids)
    charged = {task_id for task_id in ids if client.status(task_id)["attempts"]}
    assert charged == (batch if len(batch) == 1 else set())


def test_the_worker_parent(stack: Stack) -> None:
    client = stack.client()
    ids = submit_all(stack, client)
    worker = stack.workers[0]
    batch = kill_in_mid_batch(client, worker, lambda: worker.pid)
    recovers(stack, batch, "the worker's parent", time.monotonic())
    all_succeed_and_stay(client, ids)


def test_a_gateway(stack: Stack) -> None:
    client = stack.client()
    ids = submit_all(stack, client)
    gateway = stack.gateways[0]
    kill_in_mid_batch(client, stack.workers[0], lambda: gateway.pid)
    killed_at = time.monotonic()
    gateway.kill()
    gateway.start()
    stack.wait_for(gateway)
    report("a gateway", stack, time.monotonic() - killed_at)
    all_succeed_and_stay(client, ids)


def test_the_store(stack: Stack) -> None:
    client = stack.client()
    ids = submit_all(stack, client)
    until(lambda: mid_batch(stack.workers[0]), "a batch to be running", step_s=0.001)
    stack.valkey.kill()
    killed_at = time.monotonic()
    assert client.get(f"/monitoring/task_status/{ids[0]}").status_code == 503
    stack.valkey.start()
    until(lambda: client.queue().get("running"), "work to go on", limit_s=PATIENCE_S)
    report("the store", stack, time.monotonic() - killed_at)
    all_succeed_and_stay(client, ids)


def test_a_store_that_stands_still_for_longer_than_a_lease(stack: Stack) -> None:
    client = stack.client()
    ids = submit_all(stack, client)
    until(lambda: mid_batch(stack.workers[0]), "a batch to be running", step_s=0.001)
    stack.valkey.signal(signal.SIGSTOP)
    frozen_until = time.monotonic() + 12
    until(lambda: time.monotonic() > frozen_until, "the freeze to last longer than a lease")
    stack.valkey.signal(signal.SIGCONT)
    all_succeed_and_stay(client, ids)
    runs = [
        task_id
        for worker in stack.workers
        for event in worker.events("prediction.began")
        for task_id in event["task_ids"]
    ]
    assert sorted(set(runs) & set(ids)) == sorted(ids)
    assert [task_id for task_id in ids if runs.count(task_id) > 1] == [], (
        "a record ran twice although its worker lived"
    )
