"""How much is taken, in which order it runs, and how long it may wait to start."""

from collections.abc import Iterator

import pytest
import redis

from inference.store.messages import WorkerState
from testkit.stack import Stack
from testkit.waiting import until
from tests.gateway.support import GOOD, MODEL, FakeWorker, GatewayClient, problem

META = f"{{inference:{MODEL}}}:meta"


@pytest.fixture
def small(own_stack: Stack) -> Iterator[GatewayClient]:
    """A gateway that takes five predictions, or some four hundred bytes of them."""
    own_stack.add_gateway(BACKLOG_MAX_RECORDS="5", BACKLOG_MAX_BYTES="400", SYNC_SLO_S="2")
    with GatewayClient(own_stack) as site:
        yield site


def test_a_full_backlog_is_a_503_and_room_is_taken_again(small: GatewayClient) -> None:
    ids = [small.submit() for _ in range(5)]
    answer = small.post("/predict/async/", {"features": GOOD})
    assert problem(answer, 503)["type"] == "urn:inference:backlog-full"
    assert answer.headers["retry-after"] == "30", (
        "no worker lives, so nobody knows when there is room"
    )
    assert (
        small.metric(
            f'prediction_requests_total{{model="{MODEL}",outcome="refused",source="async"}}'
        )
        == 1
    )
    with FakeWorker(small.stack.valkey.url()) as driver:
        assert driver.run() == ids[0]
    assert small.submit()


def test_a_backlog_is_bounded_in_bytes_too(small: GatewayClient) -> None:
    large = GOOD | {"station": "x" * 250}
    small.submit(features=large)
    assert (
        problem(small.post("/predict/async/", {"features": large}), 503)["type"]
        == "urn:inference:backlog-full"
    )
    small.submit()


def test_a_request_that_joins_is_taken_when_all_is_full(small: GatewayClient) -> None:
    first = small.submit(match_id=1)
    for _ in range(4):
        small.submit()
    assert small.submit(match_id=1) == first


def test_retry_after_is_by_the_measured_rate_while_a_worker_lives(small: GatewayClient) -> None:
    for _ in range(5):
        small.submit()
    with (
        redis.Redis.from_url(small.stack.valkey.url()) as store,
        FakeWorker(small.stack.valkey.url()) as driver,
    ):
        # One record in five seconds, as the reaper would have measured it.
        store.hset(META, "rate", 200_000_000)
        driver.beat(WorkerState.BUSY)
        again = int(small.post("/predict/async/", {"features": GOOD}).headers["retry-after"])
        assert 5 <= again <= 20, (
            "what the reaper measures meanwhile, which is that nothing ends, "
            "makes it a little longer"
        )


def test_who_waits_is_refused_what_can_not_be_in_time_and_never_while_no_worker_lives(
    small: GatewayClient,
) -> None:
    small.submit()
    with (
        redis.Redis.from_url(small.stack.valkey.url()) as store,
        FakeWorker(small.stack.valkey.url()) as driver,
    ):
        store.hset(META, "rate", 200_000_000)
        assert problem(small.predict(), 504), "no worker lives: it is taken"
        driver.beat(WorkerState.BUSY)
        answer = small.predict()
        assert problem(answer, 503)["type"] == "urn:inference:not-in-time"
        assert int(answer.headers["retry-after"]) >= 8
        assert small.predict(Prefer="respond-async").status_code == 202, (
            "who does not wait is taken"
        )


def test_what_waits_is_told_when_it_should_begin_and_never_while_no_worker_lives(
    small: GatewayClient,
) -> None:
    ids = [small.submit() for _ in range(3)]
    with (
        redis.Redis.from_url(small.stack.valkey.url()) as store,
        FakeWorker(small.stack.valkey.url()) as driver,
    ):
        driver.beat(WorkerState.BUSY)
        until(lambda: small.status(ids[2])["estimated_wait_s"] is None, "no rate to be known")
        store.hset(META, "rate", 2_000_000)
        waits = [small.status(task_id)["estimated_wait_s"] for task_id in ids]
        assert waits[0] >= 500, (
            "one record in 500 s, and what the reaper measures meanwhile, "
            "which is that nothing ends"
        )
        assert waits[0] < waits[1] < waits[2] <= 10_000
        driver.beat(WorkerState.GONE)
        assert [small.status(task_id)["estimated_wait_s"] for task_id in ids] == [None] * 3
        assert driver.run() == ids[0]
        assert "estimated_wait_s" not in small.status(ids[0])


def test_a_higher_priority_is_a_head_start(site: GatewayClient, driver: FakeWorker) -> None:
    plain, high, low = site.submit(), site.submit(priority=9), site.submit(priority=1)
    assert [driver.run() for _ in range(3)] == [high, low, plain]


def test_what_has_not_begun_in_time_expires(site: GatewayClient, driver: FakeWorker) -> None:
    task_id, other = site.submit(time_to_start_s=0.2), site.submit()
    until(lambda: site.status(task_id)["status"] == "expired", "the prediction to expire")
    assert driver.run() == other
    assert site.get(f"/result/{task_id}").json()["status"] == "REVOKED"


@pytest.mark.parametrize(
    ("field", "value"),
    [("priority", 10), ("priority", -1), ("priority", 1.5), ("priority", True),
     ("time_to_start_s", 0), ("time_to_start_s", "1"), ("time_to_start_s", 1e9)],
)  # fmt: skip
def test_a_wrong_limit_is_named(site: GatewayClient, field: str, value: object) -> None:
    assert (
        problem(site.post("/predict/async/", {"features": GOOD, field: value}), 422)["errors"][0][
            "field"
        ]
        == field
    )


def test_a_full_store_refuses_submissions_alone_and_drains_by_itself(own_stack: Stack) -> None:
    own_stack.add_gateway()
    with (
        GatewayClient(own_stack) as site,
        FakeWorker(own_stack.valkey.url()) as driver,
        redis.Redis.from_url(own_stack.valkey.url()) as store,
    ):
        ids = [site.submit() for _ in range(5)]
        store.config_set("maxmemory", 1)
        refused = problem(site.post("/predict/async/", {"features": GOOD}), 503)
        assert refused["task_id"], "whether it was taken is asked by its id"
        assert problem(site.get(f"/monitoring/task_status/{refused['task_id']}"), 404)
        assert [driver.run() for _ in ids] == ids
        assert {site.status(task_id)["status"] for task_id in ids} == {"success"}
        assert site.outstanding() == 0
        store.config_set("maxmemory", 0)
        site.submit()


def test_dead_letters_are_kept_up_to_a_number(own_stack: Stack) -> None:
    own_stack.add_gateway(DEAD_LETTER_MAX_COUNT="2")
    with GatewayClient(own_stack) as site, FakeWorker(own_stack.valkey.url()) as driver:
        ids = []
        for _ in range(4):
            site.submit()
            ids.append(driver.fail())
        until(
            lambda: len(site.get("/dead-letters").json()["items"]) == 2, "the oldest to be dropped"
        )
        assert [item["task_id"] for item in site.get("/dead-letters").json()["items"]] == ids[:1:-1]
        assert problem(site.get(f"/dead-letters/{ids[0]}"), 410)
