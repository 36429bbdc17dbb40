"""A purge ends all that waits, and nothing else."""

import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from inference.store.messages import OutcomeKind, WorkerState
from testkit.waiting import until
from tests.gateway.support import MODEL, FakeWorker, GatewayClient, problem

PAGE = Path(__file__).parents[2] / "docs" / "procedures.md"
PURGED = {"type": "purged", "message": "an operator purged the queue"}


@pytest.fixture(autouse=True)
def nothing_waits(site: GatewayClient) -> Iterator[None]:
    site.post(f"/models/{MODEL}/purge", None)
    yield
    site.post(f"/models/{MODEL}/resume", None)


def purge(site: GatewayClient) -> object:
    answer = site.post(f"/models/{MODEL}/purge", None)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_what_waits_ends_as_cancelled_and_says_why(site: GatewayClient) -> None:
    ids = [site.submit() for _ in range(3)]
    before = site.metric(f'prediction_purged_total{{model="{MODEL}"}}')
    assert purge(site) == {"model": MODEL, "purged": 3, "more": False}
    for task_id in ids:
        status = site.status(task_id)
        assert (status["status"], status["error"]) == ("cancelled", PURGED)
    assert site.outstanding() == 0
    assert site.get("/monitoring/queues").json()["queues"][0]["dead_letters"] == 0
    assert site.metric(f'prediction_purged_total{{model="{MODEL}"}}') == before + 3
    assert purge(site) == {"model": MODEL, "purged": 0, "more": False}


def test_what_runs_goes_on_and_what_is_to_be_tried_again_does_not(
    site: GatewayClient, driver: FakeWorker
) -> None:
    runs = site.submit()
    driver.claim()
    again = site.submit()
    with FakeWorker(site.stack.valkey.url()) as other:
        other.claim()
        other.settle(again, OutcomeKind.FAIL, {"type": "worker_lost", "message": "for a test"})
    assert purge(site) == {"model": MODEL, "purged": 1, "more": False}
    assert site.status(again)["error"] == PURGED
    driver.finish(runs)
    assert site.status(runs)["status"] == "success"


def test_a_caller_who_waits_hears_of_it_at_once(site: GatewayClient) -> None:
    waiting = site.later(site.predict)
    until(lambda: site.outstanding() == 1, "the prediction to wait")
    purge(site)
    body = problem(waiting.result(timeout=5), 409)
    assert (body["type"], body["error"]) == ("urn:inference:not-run", PURGED)


def test_a_large_queue_is_ended_step_by_step(site: GatewayClient, driver: FakeWorker) -> None:
    """The store ends 500 in a step, and does other things between two."""
    steps = 'store_call_duration_seconds_count{call="purge",outcome="ok"}'
    before = site.metric(steps)
    ids = [site.submit() for _ in range(1_100)]
    assert purge(site) == {"model": MODEL, "purged": 1_100, "more": False}
    assert site.metric(steps) - before == 1 + 3, "the time is asked first"
    assert {site.status(task_id)["status"] for task_id in ids[::100]} == {"cancelled"}
    driver.beat(WorkerState.IDLE)
    later = site.submit()
    assert driver.run() == later


def test_the_steps_of_the_page_empty_a_queue(site: GatewayClient, driver: FakeWorker) -> None:
    section = PAGE.read_text(encoding="utf-8").split("## Purge a queue\n")[1].split("\n## ")[0]
    (steps,) = re.findall(r"```bash\n(.*?)```", section, re.DOTALL)
    ids = [site.submit() for _ in range(5)]
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", steps.replace("churn", MODEL)],
        env=os.environ | {"URL": site.urls[0]},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert {site.status(task_id)["status"] for task_id in ids} == {"cancelled"}
    later = site.submit()
    assert driver.run() == later


def test_a_purge_of_no_model_is_refused(site: GatewayClient) -> None:
    assert MODEL in problem(site.post("/models/nope/purge", None), 404)["detail"]
