"""What goes wrong with large payloads, at any moment, costs nothing else and leaves nothing."""

import resource
import signal
import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from inference.blobs import blob_names
from inference.failpoints import Failpoint
from testkit.failpoint_hook import Gaps, Role, environment
from testkit.waiting import until
from tests.gateway.kept import LARGE, RESULT, Kept
from tests.gateway.support import GOOD, FakeWorker, problem


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
def test_a_gateway_killed_or_stopped_between_input_and_record_leaves_nothing(
    kept: Kept, number: signal.Signals
) -> None:
    gaps = Gaps(kept.folder.parent / "gaps")
    struck, other = kept.start(**environment(gaps.folder, Role.GATEWAY)), kept.start()
    assert struck.urls[0] != other.urls[1]
    gaps.arm(Failpoint.INPUT_KEPT, Role.GATEWAY)
    with ThreadPoolExecutor(1) as pool:
        call = pool.submit(
            struck.call, "POST", "/predict/async/", json={"features": LARGE}, timeout=20
        )
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
    gaps.arm(Failpoint.INPUT_KEPT, Role.GATEWAY)
    call = site.later(site.post, "/predict/async/", {"features": LARGE})
    until(gaps.standing, "the gateway to stand between the two")
    kept.stack.valkey.kill()
    gaps.release()
    told = problem(call.result(), 503)
    assert told["type"] == "urn:inference:unavailable"
    assert kept.names() == [f"{told['task_id']}.input"], (
        "whether it was taken is unknown, so it stays for now"
    )
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
    assert (told["type"], "large payload could not be written" in told["detail"]) == (
        "urn:inference:payloads-unavailable",
        True,
    )
    site.submit()
    ready = site.get("/readyz")
    assert ready.status_code == 200
    if trouble is not full:
        until(
            lambda: "large payload" in "".join(site.get("/readyz").json()["warnings"]),
            "the warning",
        )
    mend()
    until(lambda: site.get("/readyz").json()["warnings"] == [], "the warning to go")
    after = site.submit(features=LARGE)
    assert kept.names() == sorted([f"{kept_before}.input", f"{after}.input"]), (
        "no draft, and nothing lost"
    )


def test_a_result_that_can_not_be_read_is_a_503_and_one_that_is_gone_a_410(
    kept: Kept, own_driver: FakeWorker
) -> None:
    site = kept.start()
    site.submit()
    task_id = kept.finish_large(own_driver)
    mend = away(kept)
    path = f"/monitoring/task_status/{task_id}"
    assert problem(site.get(path), 503)["type"] == "urn:inference:payloads-unavailable"
    mend()
    assert site.get(path).json()["result"] == RESULT
    (kept.folder / "inference" / blob_names.result_name(task_id, own_driver.claim_id)).unlink()
    assert problem(site.get(path), 410)["type"] == "urn:inference:result-dropped"


def test_a_gateway_without_the_setting_says_so_of_what_is_kept_elsewhere(
    kept: Kept, own_driver: FakeWorker
) -> None:
    site = kept.start(PAYLOAD_URL="")
    task_id = site.submit(features=LARGE)
    assert kept.names() == [], "all stays in the store"
    assert len(kept.field(task_id, "input")) > 5000
    kept.finish_large(own_driver)
    assert (
        "PAYLOAD_URL says, which is not set"
        in problem(site.get(f"/result/{task_id}"), 503)["detail"]
    )


def test_an_address_that_nothing_can_reach_is_refused_at_start(kept: Kept) -> None:
    with pytest.raises(
        AssertionError,
        match="PAYLOAD_URL: s4://bucket is no place for a file: Protocol not known: s4",
    ):
        kept.start(PAYLOAD_URL="s4://bucket")


class Slow:
    """A caller that says it will send a large body and does not."""

    def __init__(self, url: str, said: int, first: bytes = b"{", length: bool = True) -> None:
        host, _, port = url.removeprefix("http://").partition(":")
        self._socket = socket.create_connection((host, int(port)))
        how = f"Content-Length: {said}" if length else "Transfer-Encoding: chunked"
        head = (
            "POST /predict/async/ HTTP/1.1\r\nHost: x\r\n"
            f"Content-Type: application/json\r\n{how}\r\n\r\n"
        )
        self._socket.sendall(
            head.encode() + (first if length else b"%x\r\n%s\r\n" % (len(first), first))
        )

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
    assert [site.post("/predict/async/", large).status_code for _ in range(5)] == [202] * 5, (
        "the room is given back"
    )
    unmeasured.hang_up()
