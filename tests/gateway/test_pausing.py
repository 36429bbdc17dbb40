"""A paused model starts nothing new, and nothing of it is lost."""

from collections.abc import Iterator

import pytest

from inference.ids import new_claim_id
from inference.store.messages import ClaimRequest, WorkerState
from tests.gateway.support import GOOD, MODEL, FakeWorker, GatewayClient, problem


@pytest.fixture(autouse=True)
def goes_on(site: GatewayClient) -> Iterator[None]:
    yield
    site.post(f"/models/{MODEL}/resume", None)


def pause(site: GatewayClient, submissions: str = "") -> object:
    asked = f"?submissions={submissions}" if submissions else ""
    answer = site.post(f"/models/{MODEL}/pause{asked}", None)
    assert answer.status_code == 200, answer.text
    return answer.json()


def started(driver: FakeWorker) -> int:
    """How many records a worker gets that asks now."""
    return len(driver.store.claim(ClaimRequest(MODEL, new_claim_id(), "driver", 8)).records)


def test_what_is_submitted_meanwhile_waits_and_runs_when_the_model_goes_on(
    site: GatewayClient, driver: FakeWorker
) -> None:
    assert pause(site) == {"model": MODEL, "paused": "keep"}
    task_id = site.submit()
    driver.beat(WorkerState.IDLE)
    assert started(driver) == 0
    assert site.get("/monitoring/queues").json()["queues"][0]["paused"] == "keep"
    assert site.metric(f'prediction_model_paused{{model="{MODEL}"}}') == len(site.urls)
    answer = site.post(f"/models/{MODEL}/resume", None)
    assert answer.json() == {"model": MODEL, "paused": None}
    assert driver.run() == task_id
    assert site.status(task_id)["status"] == "success"


def test_what_runs_goes_on_to_its_end(site: GatewayClient, driver: FakeWorker) -> None:
    task_id = site.submit()
    (record,) = driver.claim()
    pause(site)
    driver.finish(record.task_id)
    assert site.status(task_id)["status"] == "success"


def test_submissions_are_refused_where_that_was_said(
    site: GatewayClient, driver: FakeWorker
) -> None:
    before = site.submit()
    assert pause(site, "refuse") == {"model": MODEL, "paused": "refuse"}
    for path in ("/predict/", "/predict/async/"):
        answer = site.post(path, {"features": GOOD})
        body = problem(answer, 503)
        assert body["type"] == "urn:inference:model-paused"
        assert int(answer.headers["retry-after"]) > 0
    assert site.status(before)["status"] == "submitted"
    assert site.metric(f'prediction_refusals_total{{model="{MODEL}",reason="model-paused"}}') >= 2
    site.post(f"/models/{MODEL}/resume", None)
    assert driver.run() == before


def test_a_request_that_was_taken_before_is_answered_as_ever(site: GatewayClient) -> None:
    first = site.post("/predict/async/", {"features": GOOD}, idempotency_key="once")
    pause(site, "refuse")
    again = site.post("/predict/async/", {"features": GOOD}, idempotency_key="once")
    assert again.json()["task_id"] == first.json()["task_id"]


def test_a_pause_of_no_model_or_of_another_kind_is_refused(site: GatewayClient) -> None:
    assert MODEL in problem(site.post("/models/nope/pause", None), 404)["detail"]
    asked = site.post(f"/models/{MODEL}/pause?submissions=burn", None)
    assert problem(asked, 422)["errors"][0]["field"] == "submissions"
    assert site.get("/monitoring/queues").json()["queues"][0]["paused"] is None
