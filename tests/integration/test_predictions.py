"""Tests predictions through two gateways, calls alternating, and a real worker.

They run one at a time and in batches.
"""

import httpx2
import pytest

from testkit.stack import Client, Stack
from testkit.waiting import until
from tests.integration.conftest import MakeStack


@pytest.fixture(scope="module", params=["1", "8"], ids=["one at a time", "batches of 8"])
def stack(request: pytest.FixtureRequest, make_stack: MakeStack) -> Stack:
    return make_stack(MAX_BATCH_SIZE=request.param)


@pytest.fixture
def client(stack: Stack) -> Client:
    """A client of a worker that can run: a process that a test before ended is replaced."""
    client = stack.client()
    assert client.ended(client.submit({"do": "answer"}), limit_s=120)["status"] == "success"
    return client


def test_a_synchronous_call_gets_its_result(client: Client) -> None:
    for value in range(4):
        answer = client.post("/predict/", {"features": {"do": "answer", "value": value}})
        assert answer.status_code == 200, answer.text
        body = answer.json()
        assert body["status"] == "success"
        assert body["result"]["value"] == value
        assert body["model"] == {"name": "fault", "version": "1"}
        assert body["queue_ms"] >= 0


def test_many_submissions_through_both_gateways_all_get_their_own_result(client: Client) -> None:
    ids = [client.submit({"do": "answer", "value": value}) for value in range(100)]
    assert [client.ended(task_id)["result"]["value"] for task_id in ids] == list(range(100))
    assert client.queue()["outstanding"] == 0


def test_one_poison_in_a_hundred_fails_alone_and_takes_no_innocent_with_it(client: Client) -> None:
    ids = [
        client.submit({"do": "raise" if value == 50 else "answer", "value": value})
        for value in range(100)
    ]
    records = [client.ended(task_id) for task_id in ids]
    poison = records.pop(50)
    assert (poison["status"], poison["error"]["type"], poison["attempts"]) == (
        "failure",
        "model_error",
        3,
    )
    assert poison["dead_lettered"] is True
    assert {record["status"] for record in records} == {"success"}
    assert {record["attempts"] for record in records} == {0}


@pytest.mark.parametrize("form", ["tuple", "scalar_part"])
def test_an_answer_without_rows_is_one_permanent_error_and_nobody_gets_a_part_of_it(
    client: Client, form: str
) -> None:
    ids = [
        client.submit({"do": form if value % 2 else "answer", "value": value}) for value in range(6)
    ]
    records = [client.ended(task_id) for task_id in ids]
    guilty, innocent = records[1::2], records[::2]
    assert [
        (record["status"], record["error"]["type"], record["attempts"]) for record in guilty
    ] == [("failure", "model_error", 1)] * 3
    assert all(
        "rows are taken only from a data frame, a series" in record["error"]["message"]
        for record in guilty
    )
    assert [record["result"]["value"] for record in innocent] == [0, 2, 4]


def held(stack: Stack, client: Client) -> int:
    """Returns the process that holds the model.

    A process that an earlier test ended is replaced by the time a prediction has run.
    """
    assert client.ended(client.submit({"do": "answer", "value": 6}))["status"] == "success"
    return stack.workers[0].model_process()


@pytest.mark.parametrize("fault", ["allocate", "system_exit"])
def test_what_the_model_raises_never_leaves_the_task(
    stack: Stack, client: Client, fault: str
) -> None:
    child = held(stack, client)
    failed = client.ended(client.submit({"do": fault}))
    assert (failed["status"], failed["error"]["type"]) == ("failure", "model_error")
    assert client.ended(client.submit({"do": "answer", "value": 7}))["result"]["value"] == 7
    assert stack.workers[0].model_process() == child


@pytest.mark.parametrize(
    ("fault", "error_type"),
    [("exit", "worker_lost"), ("segfault", "worker_lost"), ("break_device", "device_error")],
)
def test_a_child_that_dies_costs_only_the_guilty_record_an_attempt(
    client: Client, fault: str, error_type: str
) -> None:
    ids = [
        client.submit({"do": fault if value == 3 else "answer", "value": value})
        for value in range(6)
    ]
    records = [client.ended(task_id, limit_s=120) for task_id in ids]
    guilty = records.pop(3)
    assert (guilty["status"], guilty["error"]["type"], guilty["attempts"]) == (
        "failure",
        error_type,
        3,
    )
    assert [(record["status"], record["attempts"]) for record in records] == [("success", 0)] * 5


def test_a_child_whose_device_broke_is_replaced(stack: Stack, client: Client) -> None:
    child = held(stack, client)
    client.ended(client.submit({"do": "break_device"}), limit_s=120)
    until(lambda: stack.workers[0].model_process() not in (0, child), "another child")
    assert client.ended(client.submit({"do": "answer", "value": 7}))["result"]["value"] == 7


def test_a_dead_letter_tells_of_each_run_and_its_replay_that_fails_again_is_one_more(
    stack: Stack, client: Client
) -> None:
    task_id = client.submit({"do": "raise", "value": 1})
    assert client.ended(task_id)["status"] == "failure"
    assert client.post(f"/dead-letters/{task_id}/replay", None).status_code == 202
    assert client.ended(task_id)["status"] == "failure"
    letter = client.get(f"/dead-letters/{task_id}").json()
    assert letter["input"]["features"] == {"do": "raise", "value": 1}
    assert [run["epoch"] for run in letter["history"] if run["charged"]] == [1, 1, 1, 2, 2, 2]
    assert {run["worker"] for run in letter["history"]} <= {worker.name for worker in stack.workers}
    assert {run["error"]["message"] for run in letter["history"]} == {
        "RuntimeError: as it was told"
    }


def test_an_input_that_the_model_refuses_is_not_tried_again(client: Client) -> None:
    answer = client.post("/predict/", {"features": {"do": "invalid"}})
    assert answer.status_code == 422
    assert answer.json()["error"] == {
        "type": "invalid_input",
        "message": "as it was told",
        "field": "features.do",
    }


def test_a_result_that_is_not_json_is_a_failure_of_the_model(client: Client) -> None:
    failed = client.ended(client.submit({"do": "not_json"}))
    assert failed["error"]["type"] == "model_error"
    assert "not JSON" in failed["error"]["message"]


def test_a_batch_that_the_device_can_not_hold_is_halved_until_it_fits(client: Client) -> None:
    ids = [client.submit({"do": "only_alone", "value": value}) for value in range(8)]
    records = [client.ended(task_id) for task_id in ids]
    assert [(record["status"], record["result"]["batch"]) for record in records] == [
        ("success", 1)
    ] * 8


def test_the_probes_answer_while_the_model_runs(stack: Stack, client: Client) -> None:
    task_id = client.submit({"do": "answer", "seconds": 2.0})
    worker = stack.workers[0]
    seen = set()
    while client.status(task_id)["status"] != "success":
        assert httpx2.get(f"{worker.url}/livez").status_code == 200
        seen.add(httpx2.get(f"{worker.url}/readyz").json()["status"])
    assert "busy" in seen
    assert (
        'worker_predictions_total{model="fault",state="success"}'
        in httpx2.get(f"{worker.url}/metrics").text
    )
