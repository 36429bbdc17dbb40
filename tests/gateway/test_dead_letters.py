"""What failed for good: seen, replayed and dropped, over HTTP and by the command."""

import json
import subprocess
from typing import Any

import pytest

from inference.store.messages import OutcomeKind
from testkit.preloaded import completed
from testkit.waiting import until
from tests.gateway.support import GOOD, MODEL, FakeWorker, GatewayClient, problem

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


def failed(
    site: GatewayClient, driver: FakeWorker, count: int, error_type: str = "model_error"
) -> list[str]:
    """Predictions that failed for good, the oldest first."""
    ids = []
    for _ in range(count):
        site.submit()
        ids.append(driver.fail(error_type))
    return ids


def listed(site: GatewayClient, query: str = "") -> list[str]:
    """The ids of all pages."""
    found: list[str] = []
    after = ""
    while True:
        page = site.get(f"/dead-letters?limit=2{query}{after}").json()
        found += [item["task_id"] for item in page["items"]]
        if page["next"] is None:
            return found
        after = f"&before={page['next']}"


def test_a_dead_letter_has_its_input_and_the_story_of_its_failure(
    site: GatewayClient, driver: FakeWorker
) -> None:
    headers = {"traceparent": f"00-{TRACE}-00f067aa0ba902b7-01"}
    body = {"features": GOOD, "match_id": 5}
    task_id = site.call("POST", "/predict/async/", json=body, headers=headers).json()["task_id"]
    driver.claim()
    driver.settle(task_id, OutcomeKind.FAIL, {"type": "model_error", "message": "first"})
    until(lambda: site.status(task_id)["status"] != "retry", "the retry to be due")
    driver.fail()
    letter = site.get(f"/dead-letters/{task_id}").json()
    assert letter["input"] == body
    assert (letter["trace_id"], letter["match_id"], letter["attempts"], letter["epoch"]) == (
        TRACE,
        5,
        2,
        1,
    )
    assert [run["error"]["message"] for run in letter["history"]] == ["first", "as the test wants"]
    for run in letter["history"]:
        assert (run["worker"], run["version"], run["batch"], run["charged"]) == (
            "driver",
            "1",
            1,
            True,
        )
        assert run["began_at"] <= run["ended_at"]
    assert site.get(f"/monitoring/task_status/{task_id}").json()["dead_lettered"] is True


def test_the_list_is_newest_first_in_pages_and_by_type(
    site: GatewayClient, driver: FakeWorker
) -> None:
    ids = failed(site, driver, 5) + failed(site, driver, 3, "timeout")
    assert listed(site) == ids[::-1]
    assert listed(site, "&error_type=timeout") == ids[:4:-1]
    assert listed(site, f"&model={MODEL}") == ids[::-1]
    middle = site.get(f"/dead-letters/{ids[3]}").json()["ended_at"]
    assert set(listed(site, f"&before={middle}")) <= set(ids[:3])


def test_a_replay_that_succeeds_leaves_nothing_behind(
    site: GatewayClient, driver: FakeWorker
) -> None:
    (task_id,) = failed(site, driver, 1)
    answer = site.post(f"/dead-letters/{task_id}/replay", None)
    assert (answer.status_code, answer.json()["epoch"]) == (202, 2)
    assert driver.run(0.25) == task_id
    record = site.status(task_id)
    assert (record["status"], record["result"], record["attempts"], "error" in record) == (
        "success",
        0.25,
        0,
        False,
    )
    assert (
        problem(site.get(f"/dead-letters/{task_id}"), 409)["type"]
        == "urn:inference:not-a-dead-letter"
    )
    assert problem(site.post(f"/dead-letters/{task_id}/replay", None), 409)
    assert listed(site) == []
    with driver.store._client as store:
        fields = store.hgetall(f"{{inference:{MODEL}}}:record:{task_id}")
        assert not {b"input", b"history", b"error"} & set(fields)
        assert int(store.hget(f"{{inference:{MODEL}}}:meta", "dead_bytes") or 0) == 0


def test_a_replay_that_fails_again_keeps_both_stories(
    site: GatewayClient, driver: FakeWorker
) -> None:
    (task_id,) = failed(site, driver, 1)
    site.post(f"/dead-letters/{task_id}/replay", None)
    driver.fail("timeout")
    letter = site.get(f"/dead-letters/{task_id}").json()
    assert [(run["epoch"], run["error"]["type"]) for run in letter["history"]] == [
        (1, "model_error"),
        (2, "timeout"),
    ]


def test_many_are_replayed_by_filter(site: GatewayClient, driver: FakeWorker) -> None:
    failed(site, driver, 3)
    late = failed(site, driver, 2, "timeout")
    answer = site.post("/dead-letters/replay", {"error_type": "timeout"})
    assert (answer.status_code, answer.json()) == (202, {"replayed": 2})
    assert {driver.run() for _ in late} == set(late)
    assert site.post("/dead-letters/replay", {}).json() == {"replayed": 3}
    assert site.outstanding() == 3


def test_what_is_deleted_is_gone_with_its_input(site: GatewayClient, driver: FakeWorker) -> None:
    (task_id,) = failed(site, driver, 1)
    assert [site.call("DELETE", f"/dead-letters/{task_id}").status_code for _ in range(2)] == [
        204,
        204,
    ]
    assert problem(site.get(f"/dead-letters/{task_id}"), 410)
    assert problem(site.get(f"/monitoring/task_status/{task_id}"), 410)
    assert listed(site) == []


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/dead-letters/x"), ("POST", "/dead-letters/x/replay"), ("DELETE", "/dead-letters/x")],
)
def test_an_id_that_was_never_issued_is_a_404(site: GatewayClient, method: str, path: str) -> None:
    assert problem(site.call(method, path), 404)


def test_what_waits_is_no_dead_letter(site: GatewayClient) -> None:
    task_id = site.submit()
    for method, path in (("GET", ""), ("POST", "/replay"), ("DELETE", "")):
        assert (
            "it is submitted"
            in problem(site.call(method, f"/dead-letters/{task_id}{path}"), 409)["detail"]
        )


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"model": "nope"}, "model"),
        ({"before": "tomorrow"}, "before"),
        ({"error_type": 3}, "error_type"),
        ({"all": True}, "all"),
        ([], "body"),
    ],
)
def test_a_wrong_filter_is_named(site: GatewayClient, body: Any, field: str) -> None:
    assert problem(site.post("/dead-letters/replay", body), 422)["errors"][0]["field"] == field


def command(site: GatewayClient, *arguments: str) -> subprocess.CompletedProcess[str]:
    return completed(
        "app",
        "dead-letters",
        *arguments,
        env={"STORE_URL": site.stack.valkey.url(), "MODEL_URIS": f"models:/{MODEL}@production"},
    )


def test_the_command_lists_shows_replays_and_deletes(
    site: GatewayClient, driver: FakeWorker
) -> None:
    ids = failed(site, driver, 4)
    rows = [json.loads(line) for line in command(site, "list", "--limit", "3").stdout.splitlines()]
    assert [row["task_id"] for row in rows] == ids[:0:-1]
    assert json.loads(command(site, "show", ids[0]).stdout)["input"]["features"] == GOOD
    assert command(site, "delete", ids[0]).returncode == 0
    assert command(site, "replay", ids[1]).returncode == 0
    assert driver.run() == ids[1]
    assert json.loads(command(site, "replay", "--all").stdout) == {"replayed": 2}
    again = command(site, "show", ids[0])
    assert (again.returncode, again.stderr) == (1, f"error: {ids[0]} is no dead letter\n")
    assert (
        command(site, "replay").stderr == "error: name the dead letters to replay, or say --all\n"
    )
