"""What a worker does with its child, its limits and its signals."""

import signal

import pytest
import redis

from testkit.stack import Client, Stack
from testkit.waiting import until
from tests.integration.conftest import MakeStack


def test_a_hang_past_the_run_limit_costs_its_record_an_attempt_and_the_mates_nothing(
    make_stack: MakeStack,
) -> None:
    client = make_stack(gateways=1, RUN_LIMIT_S="1.5", MAX_ATTEMPTS="2").client()
    ids = [
        client.submit({"do": "hang" if value == 1 else "answer", "value": value})
        for value in range(3)
    ]
    records = [client.ended(task_id, limit_s=120) for task_id in ids]
    hung = records.pop(1)
    assert (hung["status"], hung["error"]["type"], hung["attempts"]) == ("failure", "timeout", 2)
    assert [(record["status"], record["attempts"]) for record in records] == [("success", 0)] * 2


def test_a_replacement_child_may_load_longer_than_celery_waits_by_default(
    make_stack: MakeStack,
) -> None:
    """Celery kills a replacement that is not up in `worker_proc_alive_timeout`, 4 s by default;
    first children are exempt.
    """
    stack = make_stack(gateways=1, FAULT_LOAD_S="6", MAX_ATTEMPTS="1")
    client = stack.client()
    assert client.ended(client.submit({"do": "exit"}))["error"]["type"] == "worker_lost"
    assert (
        client.ended(client.submit({"do": "answer", "value": 1}), limit_s=60)["result"]["value"]
        == 1
    )
    assert len(stack.workers[0].events("model.loaded")) == 2


def test_a_stop_lets_the_run_end_that_fits(make_stack: MakeStack) -> None:
    stack = make_stack(gateways=1, DRAIN_TIMEOUT_S="20")
    client, worker = stack.client(), stack.workers[0]
    task_id = client.submit({"do": "answer", "seconds": 2.0, "value": 1})
    client.begun(task_id)
    worker.signal(signal.SIGTERM)
    assert worker.wait() == 0
    assert client.status(task_id)["result"]["value"] == 1
    assert client.get("/monitoring/workers").json()["workers"] == []


def test_a_worker_whose_keys_were_handed_over_lets_its_run_end_and_leaves(
    make_stack: MakeStack,
) -> None:
    stack = make_stack(gateways=1, INSTALLATION="production/fault", KEY_PREFIX="production")
    client, worker = stack.client(), stack.workers[0]
    task_id = client.submit({"do": "answer", "seconds": 3.0, "value": 1})
    client.begun(task_id)
    with (
        redis.Redis.from_url(stack.valkey.url(0)) as store,
        redis.Redis.from_url(stack.valkey.url(1)) as broker,
    ):
        held = [name.decode() for name in [*store.keys(), *broker.keys(), *store.pubsub_channels()]]
        assert [name for name in held if "production" not in name] == [], (
            "another prefix shares nothing of this"
        )
        store.set("production:owner", "staging/fault")
    assert worker.wait() == 0
    (sentence,) = [
        line for line in worker.log.read_text().splitlines() if line.startswith("worker: the store")
    ]
    assert "belong to the installation staging/fault, and this is production/fault" in sentence
    assert client.status(task_id)["status"] == "success"


@pytest.mark.parametrize(
    "signals", [1, 2], ids=["after the drain time-out", "at once at the second signal"]
)
def test_a_stop_hands_back_what_does_not_fit_uncharged(make_stack: MakeStack, signals: int) -> None:
    stack = make_stack(gateways=1, DRAIN_TIMEOUT_S="1" if signals == 1 else "60")
    client, worker = stack.client(), stack.workers[0]
    ids = [
        client.submit({"do": "answer", "seconds": 30.0 if value == 0 else 0.0, "value": value})
        for value in range(3)
    ]
    client.begun(ids[0])
    for _ in range(signals):
        worker.signal(signal.SIGTERM)
        until(lambda: drains(client), "the worker to say that it drains", step_s=0.2)
    assert worker.wait() == 0
    assert {client.status(task_id)["status"] for task_id in ids} == {"submitted"}
    assert {client.status(task_id)["attempts"] for task_id in ids} == {0}
    assert worker.events("worker.drained")[0]["handed_back"] >= 1


def drains(client: Client) -> bool:
    states = [worker["state"] for worker in client.get("/monitoring/workers").json()["workers"]]
    return states in ([], ["draining"])


def test_a_parent_that_stood_still_is_reclaimed_from_and_its_late_write_is_refused(
    make_stack: MakeStack,
) -> None:
    stack = make_stack(gateways=2, workers=1, LEASE_S="8")
    client, frozen = stack.client(), stack.workers[0]
    task_id = client.submit({"do": "answer", "seconds": 8.0, "value": 1})
    client.begun(task_id)
    child = frozen.model_process()
    for pid in (frozen.pid, child):
        stack.stop_process(pid)
    stack.add_worker()
    ended = client.ended(task_id)
    assert (ended["status"], ended["attempts"]) == ("success", 1)
    for pid in (child, frozen.pid):
        stack.resume_process(pid)
    until(
        lambda: frozen.events("prediction.write_refused") or frozen.events("child.stopped"),
        "the late write to be refused",
    )
    assert client.status(task_id) == ended


def test_every_worker_is_listed_with_what_it_does(make_stack: MakeStack) -> None:
    stack: Stack = make_stack(gateways=2, workers=2)
    client = stack.client()
    expected = {("worker-0", "fault", "1", "idle"), ("worker-1", "fault", "1", "idle")}

    def listed() -> bool:
        workers = client.get("/monitoring/workers").json()["workers"]
        return {(w["id"], w["model"], w["version"], w["state"]) for w in workers} == expected

    until(listed, "both workers to be listed as idle")


def test_a_worker_goes_on_after_a_broker_that_died_under_its_acknowledgement(
    make_stack: MakeStack,
) -> None:
    """kombu gives up such an acknowledgement quietly and counts the ticket for ever; the next one
    would never be asked for.
    """
    stack = make_stack(gateways=1)
    client = stack.client()
    for value in range(4):
        assert (
            client.post("/predict/", {"features": {"do": "answer", "value": value}}).json()[
                "result"
            ]["value"]
            == value
        )
        stack.valkey.kill()
        stack.valkey.start()
        until(
            lambda: client.get("/readyz").status_code == 200, "the gateway to find the store again"
        )
        assert client.ended(client.submit({"do": "answer", "value": value}))["status"] == "success"
