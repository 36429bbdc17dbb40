"""The same key, or the same match and body, is the same prediction, as docs/http.md has it."""

from typing import Any

import pytest

from testkit.waiting import until
from tests.gateway.support import GOOD, MODEL, FakeWorker, GatewayClient, problem


def test_a_key_joins_whatever_the_state(site: GatewayClient, driver: FakeWorker) -> None:
    sent = {"Idempotency_Key": '"one"'}
    first = site.post("/predict/async/", {"features": GOOD}, **sent).json()["task_id"]
    assert site.post("/predict/async/", {"features": GOOD}, **sent).json()["task_id"] == first
    driver.run("once")
    answer = site.predict(**sent)
    assert (answer.status_code, answer.json()["task_id"], answer.json()["result"]) == (
        200,
        first,
        "once",
    )
    assert site.predict(Idempotency_Key="one").json()["task_id"] == first
    assert site.predict(Idempotency_Key='"one"', Prefer="wait=0").status_code == 200


@pytest.mark.parametrize("path", ["/predict/", "/predict/async/"])
@pytest.mark.parametrize(
    "other",
    [
        {"features": GOOD | {"days": 4}},
        {"match_id": 1},
        {"params": {"horizon": 2}},
        {"priority": 1},
        {"time_to_start_s": 9},
    ],
)
def test_a_key_with_another_body_is_refused(
    site: GatewayClient, path: str, other: dict[str, Any]
) -> None:
    first = site.post("/predict/async/", {"features": GOOD}, Idempotency_Key="k").json()["task_id"]
    body = problem(site.post(path, {"features": GOOD} | other, Idempotency_Key="k"), 422)
    assert body["errors"][0]["field"] == "Idempotency-Key"
    same = {"features": GOOD, "model": MODEL, "priority": 0, "params": {}}
    assert site.post("/predict/async/", same, Idempotency_Key="k").json()["task_id"] == first


@pytest.mark.parametrize("key", ["", '""', "x" * 256, 'half"quoted', "é"])
def test_a_key_that_cannot_be_meant_is_a_400(site: GatewayClient, key: str) -> None:
    answer = site.call(
        "POST",
        "/predict/async/",
        json={"features": GOOD},
        headers={"Idempotency-Key": key.encode()},
    )
    problem(answer, 400)


def test_the_same_match_and_features_join(site: GatewayClient, driver: FakeWorker) -> None:
    first = site.submit(match_id=1)
    assert site.submit(match_id=1) == first
    assert site.submit(match_id=2) != first
    assert site.submit(match_id=1, features=GOOD | {"days": 9}) != first
    assert site.submit(match_id=1, params={"horizon": 2}) != first
    assert site.submit(match_id=1, params={}) == site.submit(match_id=1, priority=3) == first
    assert site.submit() != site.submit()
    driver.run("joined")
    assert site.submit(match_id=1) == first
    answer = site.post("/predict/", {"features": GOOD, "match_id": 1})
    assert (answer.json()["task_id"], answer.json()["result"]) == (first, "joined")


def test_a_caller_gets_no_strangers_time_to_start(site: GatewayClient, driver: FakeWorker) -> None:
    strangers = site.submit(match_id=1, time_to_start_s=0.5)
    body, key = {"features": GOOD, "match_id": 1}, '"mine"'
    mine = site.post("/predict/async/", body, Idempotency_Key=key).json()["task_id"]
    assert mine != strangers
    assert site.submit(match_id=1) == site.submit(match_id=1, time_to_start_s=9) == mine, (
        "the better one is joined"
    )
    until(
        lambda: site.status(strangers)["status"] == "expired", "the stranger's prediction to expire"
    )
    assert driver.run("mine") == mine
    answer = site.post("/predict/", body, Idempotency_Key=key)
    assert (answer.status_code, answer.json()["task_id"], answer.json()["result"]) == (
        200,
        mine,
        "mine",
    )


def test_a_joined_prediction_takes_on_the_callers_priority(
    site: GatewayClient, driver: FakeWorker
) -> None:
    first, joined = site.submit(), site.submit(match_id=1)
    assert site.submit(match_id=1, priority=9) == joined
    assert [driver.run(), driver.run()] == [joined, first]


def test_no_cache_asks_for_a_new_one(site: GatewayClient) -> None:
    first = site.submit(match_id=1)
    again = site.post(
        "/predict/async/", {"features": GOOD, "match_id": 1}, Cache_Control="max-age=0, no-cache"
    ).json()["task_id"]
    assert again != first
    assert site.submit(match_id=1) == again


def test_a_result_of_another_version_is_not_joined(site: GatewayClient, driver: FakeWorker) -> None:
    first = site.submit(match_id=1)
    driver.run(version="0")
    assert site.submit(match_id=1) != first


def test_two_callers_of_one_match_get_one_run(site: GatewayClient, driver: FakeWorker) -> None:
    calls = [
        site.later(site.post, "/predict/", {"features": GOOD, "match_id": 5}) for _ in range(8)
    ]
    task_id = driver.run("shared")
    assert {call.result().json()["task_id"] for call in calls} == {task_id}
