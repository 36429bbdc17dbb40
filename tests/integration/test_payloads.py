"""Large inputs and results through real workers, which read and write beside the store."""

import signal
from pathlib import Path
from typing import Any

import pytest

from testkit.stack import Stack
from testkit.waiting import until
from tests.integration.conftest import MakeStack

NOTE = 'a\n"b" ü€𝄞\\' * 20_000
"""Some 300 kB of what JSON must escape and UTF-8 must lengthen."""
SETTINGS = {
    "PAYLOAD_SWEEP_S": "3",
    "MAX_BATCH_SIZE": "8",
    "MAX_BATCH_WAIT_MS": "300",
    "RUN_LIMIT_S": "4",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "payloads"
    folder.mkdir()
    return folder


def names(folder: Path) -> list[str]:
    found = (folder / "inference").iterdir() if (folder / "inference").exists() else ()
    return sorted(path.name for path in found if not path.name.startswith(("probe", "owner")))


def echo(note: str = NOTE, **features: Any) -> dict[str, Any]:
    return {"do": "echo", "note": note, **features}


@pytest.mark.parametrize("scheme", ["file", "local"], ids=["own files", "fsspec"])
def test_large_inputs_and_results_come_back_as_they_were_sent_and_go(
    make_stack: MakeStack, folder: Path, scheme: str
) -> None:
    stack = make_stack(PAYLOAD_URL=f"{scheme}://{folder}", RESULT_TTL_S="15", **SETTINGS)
    client = stack.client()
    sync = client.post("/predict/", {"features": echo()}).json()
    assert sync["result"] == NOTE
    ids = [
        client.submit(echo(NOTE + str(number)) if number % 2 else echo(str(number)))
        for number in range(8)
    ]
    for number, task_id in enumerate(ids):
        assert client.ended(task_id)["result"] == (
            NOTE + str(number) if number % 2 else str(number)
        )
    assert all(name.split(".")[0] in (sync["task_id"], *ids[1::2]) for name in names(folder)), (
        "small ones stay in the store"
    )
    until(lambda: names(folder) == [], "the payloads to go with their records")


def test_what_can_not_be_read_fails_alone_and_says_why(make_stack: MakeStack, folder: Path) -> None:
    stack = make_stack(workers=0, PAYLOAD_URL=f"file://{folder}", **SETTINGS)
    client = stack.client()
    lost, *others = [client.submit(echo(NOTE + str(number))) for number in range(4)]
    (folder / "inference" / f"{lost}.input").unlink()
    stack.add_worker()
    assert [client.ended(task_id)["result"] for task_id in others] == [
        NOTE + str(number) for number in range(1, 4)
    ]
    record = client.ended(lost)
    assert (record["status"], record["error"]["type"]) == ("failure", "payload_gone")
    assert f"{lost}.input is no longer in" in record["error"]["message"]


def test_a_place_that_is_away_is_asked_again_and_then_the_record_fails_for_a_replay(
    make_stack: MakeStack, folder: Path
) -> None:
    stack = make_stack(workers=0, PAYLOAD_URL=f"file://{folder}", **SETTINGS, MAX_ATTEMPTS="2")
    client = stack.client()
    large = client.submit(echo())
    aside = folder.rename(folder.with_name("aside"))
    stack.add_worker()
    small = client.submit(echo("small"))
    assert client.ended(small)["result"] == "small"
    record = client.ended(large)
    assert (record["status"], record["attempts"], record["error"]["type"]) == (
        "failure",
        2,
        "payload_unavailable",
    )
    assert "could not be read from" in record["error"]["message"]
    aside.rename(folder)
    assert client.post(f"/dead-letters/{large}/replay", None).status_code == 202
    assert client.ended(large)["result"] == NOTE


def test_a_result_that_can_not_be_written_is_tried_again(
    make_stack: MakeStack, folder: Path
) -> None:
    stack = make_stack(PAYLOAD_URL=f"file://{folder}", **SETTINGS, MAX_ATTEMPTS="20")
    client = stack.client()
    aside = folder.rename(folder.with_name("aside"))
    task_id = client.submit(echo("x", value=100_000))
    until(lambda: client.status(task_id)["status"] == "retry", "its result to fail")
    aside.rename(folder)
    assert client.ended(task_id)["result"] == "x" * 100_000


def test_an_input_outlives_a_worker_that_dies_on_it(make_stack: MakeStack, folder: Path) -> None:
    stack: Stack = make_stack(PAYLOAD_URL=f"file://{folder}", **SETTINGS)
    client = stack.client()
    task_id = client.submit(echo(seconds=2.0))
    client.begun(task_id)
    stack.workers[0].signal(signal.SIGKILL)
    stack.add_worker()
    assert client.ended(task_id)["result"] == NOTE


def test_a_worker_without_the_setting_fails_it_for_now_and_another_one_runs_it(
    make_stack: MakeStack, folder: Path
) -> None:
    stack = make_stack(workers=0, PAYLOAD_URL=f"file://{folder}", **SETTINGS, MAX_ATTEMPTS="50")
    client = stack.client()
    task_id = client.submit(echo())
    without = stack.add_worker(PAYLOAD_URL="")
    error = until(lambda: client.status(task_id).get("error"), "it to fail there") or {}
    assert "PAYLOAD_URL says, which is not set here" in error["message"]
    stack.add_worker()
    without.kill()
    assert client.ended(task_id)["result"] == NOTE
