"""Tests predictions through two gateways, calls alternating, and a real worker.

They run one at a time and in batches.
"""

import httpx2
import pytest

from testkit.scraping import scrape
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
    stack: Stack, client: Client, fault: str, error_type: str
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
    seen = scrape(stack.workers[0].url)
    assert seen['worker_child_restarts_total{cause="died",model="fault"}'] >= 1
    assert seen[
        f'prediction_failures_total{{model="fault",outcome="failure",reason="{error_type}"}}'
    ]


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


def test_the_author_of_a_model_that_fails_learns_where_and_a_caller_does_not(
    stack: Stack, client: Client
) -> None:
    task_id = client.submit({"do": "raise"})
    record = client.ended(task_id)
    assert set(record["error"]) == {"type", "message"}
    letter = client.get(f"/dead-letters/{task_id}").json()
    assert set(letter["error"]) == {"type", "message"}
    places = [run["error"]["traceback"] for run in letter["history"]]
    assert {place[-1].partition(", ")[2].partition(" ")[0] for place in places} == {"line"}
    assert all(
        place[-1].endswith('in _act: raise RAISED[word]("as it was told")') for place in places
    )
    told = stack.workers[0].events("model.raised")[-1]["traceback"]
    assert told.startswith("Traceback (most recent call last)")
    assert told.endswith("RuntimeError: as it was told\n")


def test_a_refusal_of_a_class_of_the_model_s_own_is_the_caller_s_and_is_counted_apart(
    stack: Stack, client: Client
) -> None:
    answer = client.post("/predict/", {"features": {"do": "refuse"}})
    assert answer.status_code == 422
    assert answer.json()["error"] == {"type": "invalid_input", "message": "as it was told"}
    assert (
        'worker_predictions_total{model="fault",state="invalid_input"}'
        in httpx2.get(f"{stack.workers[0].url}/metrics", verify=False).text
    )


def test_an_input_that_the_model_refuses_is_not_tried_again(client: Client) -> None:
    answer = client.post("/predict/", {"features": {"do": "invalid"}})
    assert answer.status_code == 422
    assert answer.json()["error"] == {
        "type": "invalid_input",
        "message": "as it was told",
        "field": "features.do",
    }


def test_a_result_that_is_not_json_is_final_after_one_run_and_costs_its_mates_nothing(
    client: Client,
) -> None:
    ids = [
        client.submit({"do": "not_json" if value == 2 else "answer", "value": value})
        for value in range(4)
    ]
    records = [client.ended(task_id) for task_id in ids]
    failed = records.pop(2)
    assert failed["status"] == "failure"
    letter = client.get(f"/dead-letters/{ids[2]}").json()
    assert len([run for run in letter["history"] if run["error"] == failed["error"]]) == 1
    assert failed["error"] == {
        "type": "model_error",
        "message": "result is of the type object, which is not JSON",
    }
    assert [(record["status"], record["attempts"]) for record in records] == [("success", 0)] * 3


def test_a_number_that_is_none_is_null_in_the_result(client: Client) -> None:
    assert client.ended(client.submit({"do": "not_finite"}))["result"] == {"x": [None, None, 1.5]}


def test_a_batch_that_the_device_can_not_hold_is_halved_until_it_fits(client: Client) -> None:
    ids = [client.submit({"do": "only_alone", "value": value}) for value in range(8)]
    records = [client.ended(task_id) for task_id in ids]
    assert [(record["status"], record["result"]["batch"]) for record in records] == [
        ("success", 1)
    ] * 8


def test_a_worker_measures_how_long_each_part_of_a_prediction_takes(
    stack: Stack, client: Client
) -> None:
    url, ok = stack.workers[0].url, 'state="success"'
    before = scrape(url)
    for seconds in (0.1, 0.1, 2.0):  # the last one lasts for more than a heartbeat
        client.ended(client.submit({"do": "answer", "seconds": seconds}))
    client.ended(client.submit({"do": "raise"}))
    seen = scrape(url)

    def more(series: str) -> float:
        return seen[series] - before[series]

    assert more('prediction_queue_seconds_count{model="fault"}') == 4
    assert more(f'prediction_time_to_result_seconds_count{{model="fault",{ok}}}') == 3
    assert more(f'prediction_time_to_result_seconds_sum{{model="fault",{ok}}}') >= 2.2
    assert more('worker_run_seconds_sum{model="fault"}') >= 2.2
    failed = 'prediction_failures_total{model="fault",outcome="%s",reason="model_error"}'
    assert (more(failed % "retry"), more(failed % "failure")) == (2, 1)
    assert more('worker_batch_assembly_seconds_count{model="fault"}') >= 6
    assert seen['worker_start_seconds_count{model="fault",phase="load"}'] >= 1
    states = ("loading", "idle", "busy")
    state_s = {s: seen[f'worker_state_seconds_total{{model="fault",state="{s}"}}'] for s in states}
    assert min(state_s.values()) > 0, state_s
    assert seen['store_call_duration_seconds_count{call="claim",outcome="ok"}'] > 0
    assert (
        seen["worker_child_process_resident_memory_bytes"]
        > seen["process_resident_memory_bytes"]
        > 0
    )
    assert seen['worker_model_info{device="cpu",model="fault",version="1"}'] == 1


def test_the_probes_answer_while_the_model_runs(stack: Stack, client: Client) -> None:
    task_id = client.begun(client.submit({"do": "answer", "seconds": 2.0}))
    worker = stack.workers[0]
    seen = set()
    while client.status(task_id)["status"] != "success":
        assert httpx2.get(f"{worker.url}/livez", verify=False).status_code == 200
        seen.add(httpx2.get(f"{worker.url}/readyz", verify=False).json()["status"])
    assert "busy" in seen
    counted = 'worker_predictions_total{model="fault",state="success"}'
    until(
        lambda: counted in httpx2.get(f"{worker.url}/metrics", verify=False).text,
        "the success to be counted",
    )
