"""Large inputs and results stand beside the store, as long as they are needed."""

import json
import subprocess

import redis

from inference.blobs import blob_names
from inference.blobs.blob_store import payloads_at
from testkit.preloaded import completed
from testkit.waiting import until
from tests.gateway.kept import LARGE, RESULT, Kept
from tests.gateway.support import GOOD, MODEL, FakeWorker, problem


def test_a_large_input_goes_by_reference_and_a_small_one_does_not(kept: Kept) -> None:
    site = kept.start()
    small, large = site.submit(), site.submit(features=LARGE, match_id=7)
    assert kept.names() == [f"{large}.input"]
    assert json.loads(kept.field(small, "input"))["features"] == GOOD
    assert len(kept.field(large, "input")) < 100
    body = json.loads(kept.written(f"{large}.input"))
    assert blob_names.input_in(body) == {"features": LARGE, "match_id": 7}
    assert blob_names.input_in(body | {"params": {"top_k": 1}})["params"] == {"top_k": 1}


def test_a_large_result_comes_back_as_the_model_gave_it(kept: Kept, own_driver: FakeWorker) -> None:
    site = kept.start()
    waiting = site.later(site.predict)
    task_id = kept.finish_large(own_driver)
    assert waiting.result().json()["result"] == RESULT
    assert site.status(task_id, wait=1)["result"] == RESULT
    assert site.get(f"/result/{task_id}").json()["result"] == RESULT
    assert len(kept.field(task_id, "result")) < 100


def test_payloads_go_with_their_records(kept: Kept, own_driver: FakeWorker) -> None:
    site = kept.start(RESULT_TTL_S="8")
    task_id = site.submit(features=LARGE)
    assert kept.finish_large(own_driver) == task_id
    result = blob_names.result_name(task_id, own_driver.claim_id)
    until(lambda: kept.names() == [result], "the input to go, as nobody needs it after a success")
    assert site.status(task_id)["result"] == RESULT
    until(lambda: kept.names() == [], "the result to go with its record")
    assert site.get(f"/monitoring/task_status/{task_id}").status_code == 410


def test_the_result_of_a_claim_that_was_reclaimed_goes_and_the_one_that_counts_stays(
    kept: Kept, own_driver: FakeWorker
) -> None:
    site = kept.start()
    late = blob_names.result_name(site.submit(), "0" * 32)
    task_id = kept.finish_large(own_driver)
    (kept.folder / "inference" / late).write_bytes(b"null")
    until(lambda: late not in kept.names(), "the late one to go")
    assert site.status(task_id)["result"] == RESULT


def test_a_dead_letter_keeps_its_large_input_is_shown_replayed_and_dropped_with_it(
    kept: Kept, own_driver: FakeWorker
) -> None:
    site = kept.start()
    task_id = site.submit(features=LARGE)
    own_driver.fail()
    look_twice(kept)
    assert kept.names() == [f"{task_id}.input"]
    shown = site.get(f"/dead-letters/{task_id}").json()
    assert shown["input"] == {"features": LARGE}
    assert json.loads(command(kept, "show", task_id).stdout)["input"] == shown["input"]
    assert site.post(f"/dead-letters/{task_id}/replay", None).status_code == 202
    assert own_driver.fail() == task_id
    assert site.call("DELETE", f"/dead-letters/{task_id}").status_code == 204
    assert kept.names() == []


def test_a_dead_letter_whose_input_can_not_be_read_is_shown_without_it(
    kept: Kept, own_driver: FakeWorker
) -> None:
    site = kept.start()
    task_id = site.submit(features=LARGE)
    own_driver.fail()
    (kept.folder / "inference" / f"{task_id}.input").unlink()
    letter = site.get(f"/dead-letters/{task_id}").json()
    assert (letter["input"], letter["error"]["type"]) == (None, "model_error")
    assert "is no longer in" in letter["input_error"]


def test_the_command_drops_a_large_input_too(kept: Kept, own_driver: FakeWorker) -> None:
    task_id = kept.start(PAYLOAD_SWEEP_S="600").submit(features=LARGE)
    own_driver.fail()
    assert command(kept, "delete", task_id).returncode == 0
    assert kept.names() == []


def test_what_is_not_taken_leaves_nothing(kept: Kept) -> None:
    site = kept.start(PAYLOAD_SWEEP_S="600", BACKLOG_MAX_RECORDS="2")
    first = site.submit(features=LARGE, match_id=1)
    assert site.submit(features=LARGE, match_id=1) == first, "joined"
    second = site.post("/predict/async/", {"features": LARGE}, Idempotency_Key="k").json()[
        "task_id"
    ]
    conflict = site.post("/predict/async/", {"features": LARGE | {"days": 4}}, Idempotency_Key="k")
    assert conflict.status_code == 422
    full = site.post("/predict/async/", {"features": LARGE})
    assert problem(full, 503)["type"] == "urn:inference:backlog-full"
    assert kept.names() == sorted([f"{first}.input", f"{second}.input"])


def test_orphans_and_drafts_are_swept_and_what_is_not_ours_stays(kept: Kept) -> None:
    inner = kept.folder / "inference"
    inner.mkdir()
    orphan = blob_names.input_name(f"{MODEL}-{'0' * 32}")
    for name in (orphan, blob_names.draft_name(orphan), "notes.txt"):
        (inner / name).write_bytes(b"{}")
    kept.start()
    until(lambda: kept.names() == ["notes.txt"], "the orphan and the draft to go")


def test_what_belongs_to_another_store_is_not_swept(kept: Kept) -> None:
    kept.start().submit(features=LARGE)
    place = payloads_at(f"file://{kept.folder}", "inference")
    assert place is not None
    until((kept.folder / "inference/owner").exists, "the place to have an owner")
    place.write("owner", b"another store")
    with redis.Redis.from_url(kept.stack.valkey.url()) as store:
        store.delete(*store.keys(f"{{inference:{MODEL}}}:record:*"))
    until(lambda: kept.stack.gateways[0].events("sweep.refused"), "the sweep to refuse")
    assert len(kept.names()) == 1
    place.remove("owner")
    until(lambda: not kept.names(), "the orphan to be swept, the place being ours again")


def look_twice(kept: Kept) -> None:
    """Until the sweep has looked twice since now: it takes an orphan that is put there."""
    orphan = kept.folder / "inference" / blob_names.input_name(f"{MODEL}-{'f' * 32}")
    orphan.write_bytes(b"{}")
    until(lambda: not orphan.exists(), "the sweep to look twice")


def command(kept: Kept, *arguments: str) -> subprocess.CompletedProcess[str]:
    return completed(
        "app",
        "dead-letters",
        *arguments,
        env=kept.stack.env
        | {"STORE_URL": kept.stack.valkey.url(), "MODEL_URIS": f"models:/{MODEL}@production"},
    )
