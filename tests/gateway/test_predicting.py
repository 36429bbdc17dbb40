"""Every row of docs/http.md about predicting and looking a task up."""

import json
import re
import time

import pytest

from inference.store.messages import OutcomeKind
from tests.gateway.support import GOOD, MODEL, FakeWorker, GatewayClient, problem


def test_a_sync_call_gets_its_result(site: GatewayClient, driver: FakeWorker) -> None:
    call = site.later(site.post, "/predict/", {"features": GOOD, "match_id": 42, "model": MODEL})
    task_id = driver.run({"rain": 0.25})
    answer = call.result()
    assert answer.status_code == 200
    body = answer.json()
    assert body.pop("queue_ms") >= 0
    assert body == {
        "task_id": task_id,
        "status": "success",
        "match_id": 42,
        "result": {"rain": 0.25},
        "model": {"name": MODEL, "version": "1"},
        "run_ms": 7,
    }


def test_an_answer_has_a_match_id_only_if_the_request_had_one(
    site: GatewayClient, driver: FakeWorker
) -> None:
    call = site.later(site.predict)
    task_id = driver.run()
    dead = site.submit()
    driver.fail()
    answers = [call.result().json(), site.status(task_id), site.get(f"/dead-letters/{dead}").json()]
    answers += [answers[2]["input"], site.get("/dead-letters").json()["items"][0]]
    assert [answer for answer in answers if "match_id" in answer] == []
    assert answers[3] == {"features": GOOD}


def test_a_sync_call_that_misses_its_limit_goes_on_and_is_not_lost(
    site: GatewayClient, driver: FakeWorker
) -> None:
    answer = site.predict()
    body = problem(answer, 504)
    assert answer.headers["retry-after"]
    assert site.metric(f'prediction_timeouts_total{{model="{MODEL}",reason="slo"}}') >= 1
    assert driver.run("late") == body["task_id"]
    assert site.get(body["status_url"]).json()["result"] == "late"


def test_a_caller_may_wait_for_less(site: GatewayClient) -> None:
    before = site.metric(f'prediction_timeouts_total{{model="{MODEL}",reason="wait"}}')
    start = time.monotonic()
    answer = site.predict(Prefer="wait=1")
    assert problem(answer, 504)["task_id"]
    assert answer.headers["preference-applied"] == "wait=1"
    assert time.monotonic() - start > 0.9
    assert site.metric(f'prediction_timeouts_total{{model="{MODEL}",reason="wait"}}') == before + 1


def test_a_caller_may_not_wait_for_longer(site: GatewayClient, driver: FakeWorker) -> None:
    call = site.later(site.predict, Prefer="wait=600")
    driver.run()
    assert "preference-applied" not in call.result().headers


def test_wait_0_is_a_504_at_once_and_the_work_goes_on(
    site: GatewayClient, driver: FakeWorker
) -> None:
    body = problem(site.predict(Prefer="wait=0"), 504)
    assert driver.run() == body["task_id"]


def test_respond_async_is_a_202(site: GatewayClient) -> None:
    answer = site.predict(Prefer="respond-async")
    assert answer.status_code == 202
    assert answer.headers["preference-applied"] == "respond-async"


def test_respond_async_with_a_wait_is_whichever_comes_first(
    site: GatewayClient, driver: FakeWorker
) -> None:
    call = site.later(site.predict, Prefer="respond-async, wait=4")
    driver.run()
    assert call.result().status_code == 200
    answer = site.predict(Prefer="respond-async, wait=1")
    assert answer.status_code == 202
    assert answer.headers["preference-applied"] == "respond-async, wait=1"


@pytest.mark.parametrize(
    "value", ["wait=soon", "wait=-1", "wait=1.5", "=;,", "wait", 'wait="', "respond-sync"]
)
def test_a_malformed_preference_is_ignored(
    site: GatewayClient, driver: FakeWorker, value: str
) -> None:
    call = site.later(site.predict, Prefer=value)
    driver.run()
    assert call.result().status_code == 200


def test_an_async_call_says_where_to_ask(site: GatewayClient) -> None:
    answer = site.post("/predict/async/", {"features": GOOD})
    assert answer.status_code == 202
    task_id = answer.json()["task_id"]
    url = f"/monitoring/task_status/{task_id}"
    assert answer.json() == {"task_id": task_id, "status": "submitted", "status_url": url}
    assert answer.headers["location"] == url
    assert answer.headers["retry-after"]
    assert re.fullmatch(rf"{MODEL}-[0-9a-f]{{32}}", task_id)


@pytest.mark.parametrize(
    ("error_type", "status"), [("invalid_input", 422), ("model_error", 500), ("worker_lost", 500)]
)
def test_a_sync_call_hears_why_it_failed(
    site: GatewayClient, driver: FakeWorker, error_type: str, status: int
) -> None:
    call = site.later(site.predict)
    task_id = driver.fail(error_type)
    body = problem(call.result(), status)
    assert (body["task_id"], body["error"]["type"]) == (task_id, error_type)


def test_a_status_tells_the_whole_life(site: GatewayClient, driver: FakeWorker) -> None:
    first, second = site.submit(match_id=7), site.submit()
    waiting = site.status(second)
    assert (waiting["status"], waiting["position"], waiting["started_at"]) == ("submitted", 1, None)
    (record,) = driver.claim()
    assert site.status(first)["status"] == "started"
    driver.settle(record.task_id, OutcomeKind.FINISH, {"rain": 1})
    done = site.status(first)
    assert (done["status"], done["result"], done["match_id"]) == ("success", {"rain": 1}, 7)
    assert done["created_at"] <= done["started_at"] <= done["ended_at"]
    assert done["created_at"].endswith("Z")


def test_an_integer_of_more_than_64_bits_reaches_the_caller_with_all_its_digits(
    site: GatewayClient, driver: FakeWorker
) -> None:
    call, result = site.later(site.predict), {"é": [2**70, -(10**40)], "n": None}
    task_id = driver.run(result)
    assert call.result().json()["result"] == result
    assert site.status(task_id)["result"] == result
    assert site.get(f"/result/{task_id}").json()["result"] == result


def test_a_failure_is_told_with_its_error(site: GatewayClient, driver: FakeWorker) -> None:
    task_id = site.submit()
    driver.fail()
    body = site.status(task_id)
    assert body["status"] == "failure"
    assert body["error"] == {"type": "model_error", "message": "as the test wants"}
    assert body["dead_lettered"] is True
    assert body["attempts"] == 1


def test_a_long_poll_answers_when_the_task_ends(site: GatewayClient, driver: FakeWorker) -> None:
    task_id = site.submit()
    call = site.later(site.get, f"/monitoring/task_status/{task_id}?wait=30")
    driver.run()
    assert call.result(timeout=10).json()["status"] == "success"


def test_a_long_poll_answers_when_its_time_is_over(site: GatewayClient) -> None:
    assert site.status(site.submit(), wait=0.5)["status"] == "submitted"


@pytest.mark.parametrize("wait", ["-1", "61", "nan", "inf", "soon", ""])
def test_a_long_poll_has_bounds(site: GatewayClient, wait: str) -> None:
    body = problem(site.get(f"/monitoring/task_status/{site.submit()}?wait={wait}"), 422)
    assert body["errors"][0]["field"] == "wait"


def test_celerys_words_are_told(site: GatewayClient, driver: FakeWorker) -> None:
    first, second = site.submit(), site.submit()
    assert site.get(f"/result/{first}").json() == {
        "task_id": first,
        "status": "PENDING",
        "result": None,
    }
    driver.run([1, 2])
    assert site.get(f"/result/{first}/").json() == {
        "task_id": first,
        "status": "SUCCESS",
        "result": [1, 2],
    }
    driver.fail()
    assert site.get(f"/result/{second}").json()["status"] == "FAILURE"


ODD_IDS = [
    "x",
    f"{MODEL}-{'0' * 32}",
    "%00",
    "a" * 3000,
    "-",
    f"{MODEL}-{'g' * 32}",
    "..",
    "%F0%9F%92%A9",
]


@pytest.mark.parametrize("task_id", ODD_IDS)
@pytest.mark.parametrize("path", ["/monitoring/task_status/", "/result/"])
def test_an_id_never_issued_is_a_404(site: GatewayClient, path: str, task_id: str) -> None:
    problem(site.get(path + task_id), 404)


def test_a_wait_for_an_unknown_id_ends_at_once(site: GatewayClient) -> None:
    start = time.monotonic()
    problem(site.get(f"/monitoring/task_status/{MODEL}-{'0' * 32}?wait=30"), 404)
    assert time.monotonic() - start < 5


def test_a_known_match_needs_no_features(site: GatewayClient, driver: FakeWorker) -> None:
    site.post("/predict/async/", {"match_id": 3})
    (record,) = driver.claim()
    assert record.input == b'{"features":null,"match_id":3}'


def test_parameters_reach_the_worker_as_they_came(site: GatewayClient, driver: FakeWorker) -> None:
    site.submit(params={"quantiles": [0.1, 0.9]})
    (record,) = driver.claim()
    assert json.loads(record.input or b"")["params"] == {"quantiles": [0.1, 0.9]}


def test_requests_are_counted_once_by_source(site: GatewayClient, driver: FakeWorker) -> None:
    def count(source: str, outcome: str) -> float:
        return site.metric(
            f'prediction_requests_total{{model="{MODEL}",outcome="{outcome}",source="{source}"}}'
        )

    before = {
        key: count(*key)
        for key in [
            ("sync", "accepted"),
            ("async", "accepted"),
            ("async", "joined"),
            ("async", "invalid"),
        ]
    }
    call = site.later(site.predict)
    driver.run()
    call.result()
    site.submit(match_id=1)
    site.submit(match_id=1)
    site.predict(Prefer="respond-async")
    site.post("/predict/async/", {"features": {}})
    after = {key: count(*key) - value for key, value in before.items()}
    assert after == {
        ("sync", "accepted"): 1,
        ("async", "accepted"): 2,
        ("async", "joined"): 1,
        ("async", "invalid"): 1,
    }
