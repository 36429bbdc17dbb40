"""Large inputs and results stand beside the store, as long as they are needed, and what goes wrong with them costs nothing else."""

import json
import os
import resource
import signal
import socket
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import redis

from app.contract import references
from app.contract.gaps import Gap
from app.contract.moves import Outcome, Verb
from app.contract.payloads import payloads_at
from tests.gateway.support import GOOD, MODEL, Driver, Site, problem
from tests.support.gap_hook import Gaps, Role, environment
from tests.support.preloaded import completed
from tests.support.stack import Stack
from tests.support.waiting import until

LARGE = GOOD | {"station": "x" * 5000}
RESULT = {"text": "y" * 5000}


class Kept:
    """A stack whose gateways keep what is large in a folder, seen by a test."""

    def __init__(self, stack: Stack, folder: Path) -> None:
        self.stack, self.folder = stack, folder
        self.sites: list[Site] = []

    def start(self, **env: str) -> Site:
        self.stack.add_gateway(**env)
        self.sites.append(Site(self.stack))
        return self.sites[-1]

    def names(self) -> list[str]:
        """What is there, but for what a look at the folder leaves for a moment."""
        inner = self.folder / "inference"
        return sorted(n for n in os.listdir(inner) if not n.startswith(("probe", "owner"))) if inner.exists() else []

    def written(self, name: str) -> bytes:
        return (self.folder / "inference" / name).read_bytes()

    def field(self, task_id: str, name: str) -> bytes:
        with redis.Redis.from_url(self.stack.valkey.url()) as store:
            return store.hget(f"{{inference:{MODEL}}}:record:{task_id}", name) or b""

    def finish_large(self, driver: Driver) -> str:
        """Ends the next record with a large result, as a worker would; returns its id."""
        (granted,) = driver.claim()
        data = json.dumps(RESULT).encode()
        place = payloads_at(f"file://{self.folder}", "inference")
        assert place is not None
        place.write(references.result_name(granted.task_id, driver.claim_id), data)
        outcome = Outcome(granted.task_id, Verb.FINISH, references.of_result(driver.claim_id, len(data)))
        assert driver.store.settle(MODEL, driver.claim_id, [outcome], "1").words[granted.task_id] == "success"
        return granted.task_id


@pytest.fixture
def kept(own_stack: Stack, tmp_path: Path) -> Iterator[Kept]:
    """No gateway yet; a threshold of 1 KiB, and a look every second."""
    folder = tmp_path / "payloads"
    folder.mkdir()
    own_stack.env |= {"PAYLOAD_URL": f"file://{folder}", "PAYLOAD_THRESHOLD_BYTES": "1024", "PAYLOAD_SWEEP_S": "1"}
    own_stack.env |= {"REGISTRY_REFRESH_S": "0.2", "SYNC_SLO_S": "5"}
    kept = Kept(own_stack, folder)
    yield kept
    for site in kept.sites:
        site.__exit__()


@pytest.fixture
def own_driver(kept: Kept) -> Iterator[Driver]:
    with Driver(kept.stack.valkey.url()) as driver:
        yield driver


def test_a_large_input_goes_by_reference_and_a_small_one_does_not(kept: Kept) -> None:
    site = kept.start()
    small, large = site.submit(), site.submit(features=LARGE, match_id=7)
    assert kept.names() == [f"{large}.input"]
    assert json.loads(kept.field(small, "input"))["features"] == GOOD
    assert len(kept.field(large, "input")) < 100
    body = json.loads(kept.written(f"{large}.input"))
    assert references.input_in(body) == {"features": LARGE, "match_id": 7}
    assert references.input_in(body | {"params": {"top_k": 1}})["params"] == {"top_k": 1}


def test_a_large_result_comes_back_as_the_model_gave_it(kept: Kept, own_driver: Driver) -> None:
    site = kept.start()
    waiting = site.later(site.predict)
    task_id = kept.finish_large(own_driver)
    assert waiting.result().json()["result"] == RESULT
    assert site.status(task_id, wait=1)["result"] == RESULT
    assert site.get(f"/result/{task_id}").json()["result"] == RESULT
    assert len(kept.field(task_id, "result")) < 100


def test_payloads_go_with_their_records(kept: Kept, own_driver: Driver) -> None:
    site = kept.start(RESULT_TTL_S="8")
    task_id = site.submit(features=LARGE)
    assert kept.finish_large(own_driver) == task_id
    result = references.result_name(task_id, own_driver.claim_id)
    until(lambda: kept.names() == [result], "the input to go, as nobody needs it after a success")
    assert site.status(task_id)["result"] == RESULT
    until(lambda: kept.names() == [], "the result to go with its record")
    assert site.get(f"/monitoring/task_status/{task_id}").status_code == 410


def test_the_result_of_a_claim_that_was_taken_over_goes_and_the_one_that_counts_stays(kept: Kept, own_driver: Driver) -> None:
    site = kept.start()
    late = references.result_name(site.submit(), "0" * 32)
    task_id = kept.finish_large(own_driver)
    (kept.folder / "inference" / late).write_bytes(b"null")
    until(lambda: late not in kept.names(), "the late one to go")
    assert site.status(task_id)["result"] == RESULT


def test_a_dead_letter_keeps_its_large_input_is_shown_replayed_and_dropped_with_it(kept: Kept, own_driver: Driver) -> None:
    site = kept.start()
    task_id = site.submit(features=LARGE)
    own_driver.fail()
    look_twice(kept)
    assert kept.names() == [f"{task_id}.input"]
    shown = site.get(f"/dead-letters/{task_id}").json()
    assert shown["input"] == {"features": LARGE, "match_id": None}
    assert json.loads(command(kept, "show", task_id).stdout)["input"] == shown["input"]
    assert site.post(f"/dead-letters/{task_id}/replay", None).status_code == 202
    assert own_driver.fail() == task_id
    assert site.call("DELETE", f"/dead-letters/{task_id}").status_code == 204
    assert kept.names() == []


def test_a_dead_letter_whose_input_can_not_be_read_is_shown_without_it(kept: Kept, own_driver: Driver) -> None:
    site = kept.start()
    task_id = site.submit(features=LARGE)
    own_driver.fail()
    (kept.folder / "inference" / f"{task_id}.input").unlink()
    letter = site.get(f"/dead-letters/{task_id}").json()
    assert (letter["input"], letter["error"]["type"]) == (None, "model_error")
    assert "is no longer in" in letter["input_error"]


def test_the_command_drops_a_large_input_too(kept: Kept, own_driver: Driver) -> None:
    task_id = kept.start(PAYLOAD_SWEEP_S="600").submit(features=LARGE)
    own_driver.fail()
    assert command(kept, "delete", task_id).returncode == 0
    assert kept.names() == []


def test_what_is_not_taken_leaves_nothing(kept: Kept) -> None:
    site = kept.start(PAYLOAD_SWEEP_S="600", BACKLOG_MAX_RECORDS="2")
    first = site.submit(features=LARGE, match_id=1)
    assert site.submit(features=LARGE, match_id=1) == first, "joined"
    second = site.post("/predict/async/", {"features": LARGE}, Idempotency_Key="k").json()["task_id"]
    conflict = site.post("/predict/async/", {"features": LARGE | {"days": 4}}, Idempotency_Key="k")
    assert conflict.status_code == 422
    full = site.post("/predict/async/", {"features": LARGE})
    assert problem(full, 503)["type"] == "urn:inference:backlog-full"
    assert kept.names() == sorted([f"{first}.input", f"{second}.input"])


def test_orphans_and_drafts_are_swept_and_what_is_not_ours_stays(kept: Kept) -> None:
    inner = kept.folder / "inference"
    inner.mkdir()
    orphan = references.input_name(f"{MODEL}-{'0' * 32}")
    for name in (orphan, references.draft_name(orphan), "notes.txt"):
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


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
def test_a_gateway_killed_or_stopped_between_input_and_record_leaves_nothing(kept: Kept, number: signal.Signals) -> None:
    gaps = Gaps(kept.folder.parent / "gaps")
    struck, other = kept.start(**environment(gaps.folder, Role.GATEWAY)), kept.start()
    assert struck.urls[0] != other.urls[1]
    gaps.arm(Gap.INPUT_KEPT, Role.GATEWAY)
    with ThreadPoolExecutor(1) as pool:
        call = pool.submit(struck.call, "POST", "/predict/async/", json={"features": LARGE}, timeout=20)
        until(gaps.standing, "a gateway to stand between the two")
        assert [name.endswith(".input") for name in kept.names()] == [True]
        kept.stack.gateways[0].signal(number)
        until(lambda: kept.names() == [], "the other gateway to sweep it")
        kept.stack.gateways[0].kill()
        assert call.exception() is not None
    assert other.call("GET", "/monitoring/queues") is not None


def test_a_store_cut_off_between_input_and_record_is_a_503_and_leaves_nothing(kept: Kept) -> None:
    gaps = Gaps(kept.folder.parent / "gaps")
    site = kept.start(**environment(gaps.folder, Role.GATEWAY))
    gaps.arm(Gap.INPUT_KEPT, Role.GATEWAY)
    call = site.later(site.post, "/predict/async/", {"features": LARGE})
    until(gaps.standing, "the gateway to stand between the two")
    kept.stack.valkey.kill()
    gaps.release()
    told = problem(call.result(), 503)
    assert told["type"] == "urn:inference:unavailable"
    assert kept.names() == [f"{told['task_id']}.input"], "whether it was taken is unknown, so it stays for now"
    kept.stack.valkey.start()
    until(lambda: kept.names() == [], "the sweep, which now knows")
    assert site.get(f"/monitoring/task_status/{told['task_id']}").status_code == 404


def away(kept: Kept) -> Callable[[], None]:
    """The volume is not mounted."""
    aside = kept.folder.rename(kept.folder.with_name("aside"))

    def mend() -> None:
        aside.rename(kept.folder)

    return mend


def no_folder(kept: Kept) -> Callable[[], None]:
    """Something else is in its place."""
    back = away(kept)
    kept.folder.write_text("a file")

    def mend() -> None:
        kept.folder.unlink()
        back()

    return mend


def full(kept: Kept) -> Callable[[], None]:
    """No file may grow above 2 KiB: the kernel refuses the write that would, as on a full disk."""
    pid = kept.stack.gateways[0].pid
    before = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (2048, before[1]))

    def mend() -> None:
        resource.prlimit(pid, resource.RLIMIT_FSIZE, before)

    return mend


@pytest.mark.parametrize("trouble", [away, no_folder, full])
def test_a_folder_in_trouble_costs_large_ones_a_503_and_nothing_else(
    kept: Kept, trouble: Callable[[Kept], Callable[[], None]]
) -> None:
    site = kept.start()
    kept_before = site.submit(features=LARGE)
    mend = trouble(kept)
    told = problem(site.post("/predict/async/", {"features": LARGE}), 503)
    assert (told["type"], "large payload could not be written" in told["detail"]) == ("urn:inference:payloads-unavailable", True)
    site.submit()
    ready = site.get("/readyz")
    assert ready.status_code == 200
    if trouble is not full:
        until(lambda: "large payload" in "".join(site.get("/readyz").json()["warnings"]), "the warning")
    mend()
    until(lambda: site.get("/readyz").json()["warnings"] == [], "the warning to go")
    after = site.submit(features=LARGE)
    assert kept.names() == sorted([f"{kept_before}.input", f"{after}.input"]), "no draft, and nothing lost"


def test_a_result_that_can_not_be_read_is_a_503_and_one_that_is_gone_a_410(kept: Kept, own_driver: Driver) -> None:
    site = kept.start()
    site.submit()
    task_id = kept.finish_large(own_driver)
    mend = away(kept)
    path = f"/monitoring/task_status/{task_id}"
    assert problem(site.get(path), 503)["type"] == "urn:inference:payloads-unavailable"
    mend()
    assert site.get(path).json()["result"] == RESULT
    (kept.folder / "inference" / references.result_name(task_id, own_driver.claim_id)).unlink()
    assert problem(site.get(path), 410)["type"] == "urn:inference:result-dropped"


def test_a_gateway_without_the_setting_says_so_of_what_is_kept_elsewhere(kept: Kept, own_driver: Driver) -> None:
    site = kept.start(PAYLOAD_URL="")
    task_id = site.submit(features=LARGE)
    assert kept.names() == [], "all stays in the store"
    assert len(kept.field(task_id, "input")) > 5000
    kept.finish_large(own_driver)
    assert "PAYLOAD_URL says, which is not set" in problem(site.get(f"/result/{task_id}"), 503)["detail"]


def test_an_address_that_nothing_can_reach_is_refused_at_start(kept: Kept) -> None:
    with pytest.raises(AssertionError, match="PAYLOAD_URL: s4://bucket is no place for a file: Protocol not known: s4"):
        kept.start(PAYLOAD_URL="s4://bucket")


class Slow:
    """A caller that says it will send a large body and does not."""

    def __init__(self, url: str, said: int, first: bytes = b"{", length: bool = True) -> None:
        host, _, port = url.removeprefix("http://").partition(":")
        self._socket = socket.create_connection((host, int(port)))
        how = f"Content-Length: {said}" if length else "Transfer-Encoding: chunked"
        head = f"POST /predict/async/ HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n{how}\r\n\r\n"
        self._socket.sendall(head.encode() + (first if length else b"%x\r\n%s\r\n" % (len(first), first)))

    def status(self) -> int:
        """The status of the answer, once it comes."""
        self._socket.settimeout(30)
        return int(self._socket.recv(12)[9:12])

    def hang_up(self) -> None:
        self._socket.close()


def test_large_bodies_are_received_in_turn_and_small_ones_go_on(kept: Kept) -> None:
    site = kept.start(RECEIVING_MAX_BYTES="300000", MAX_BODY_BYTES="200000")
    large = {"features": GOOD | {"station": "x" * 150_000}}
    slow = Slow(site.urls[0], 200_000)
    site.submit()
    unmeasured = Slow(site.urls[0], 0, b"[" * 150_000, length=False)
    assert unmeasured.status() == 503, "it might hold a half for ever"
    waiting = site.later(site.post, "/predict/async/", large)
    site.submit()
    answer = waiting.result()
    assert problem(answer, 503)["type"] == "urn:inference:receiving-full"
    assert answer.headers["retry-after"]
    waiting = site.later(site.post, "/predict/async/", large)
    slow.hang_up()
    assert waiting.result().status_code == 202
    assert [site.post("/predict/async/", large).status_code for _ in range(5)] == [202] * 5, "the room is given back"
    unmeasured.hang_up()


def look_twice(kept: Kept) -> None:
    """Until the sweep has looked twice since now: it takes an orphan that is put there."""
    orphan = kept.folder / "inference" / references.input_name(f"{MODEL}-{'f' * 32}")
    orphan.write_bytes(b"{}")
    until(lambda: not orphan.exists(), "the sweep to look twice")


def command(kept: Kept, *arguments: str) -> subprocess.CompletedProcess[str]:
    return completed(
        "app",
        "dead-letters",
        *arguments,
        env=kept.stack.env | {"STORE_URL": kept.stack.valkey.url(), "MODEL_URIS": f"models:/{MODEL}@production"},
    )
