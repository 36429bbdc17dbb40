"""A request is found again by its X-Request-ID, also from the answer about its task."""

from tests.gateway.support import GOOD, FakeWorker, GatewayClient


def test_a_task_says_by_which_request_it_was_made(site: GatewayClient, driver: FakeWorker) -> None:
    body = {"features": GOOD, "match_id": 4711}
    made = site.post("/predict/async/", body, x_request_id="caller-7")
    task_id = made.json()["task_id"]
    joined = site.post("/predict/async/", body, x_request_id="caller-8")
    assert joined.json()["task_id"] == task_id
    assert site.status(task_id)["request_id"] == "caller-7"
    assert driver.run() == task_id
    assert site.status(task_id)["request_id"] == "caller-7"


def test_a_request_without_a_name_gets_one_that_its_task_has_too(
    site: GatewayClient, driver: FakeWorker
) -> None:
    made = site.post("/predict/async/", {"features": GOOD})
    assert site.status(made.json()["task_id"])["request_id"] == made.headers["x-request-id"]
    driver.run()
