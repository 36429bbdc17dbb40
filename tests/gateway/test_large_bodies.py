"""Tests the cost of large bodies to a gateway.

They are parsed in a process beside it. A body that no model can need is not parsed at all.
"""

import json
import os
import re
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from testkit.stack import Process
from tests.gateway.support import GOOD, HTTP, MODEL, FakeWorker, GatewayClient, problem

JSON = {"Content-Type": "application/json"}
MIB = 2**20
SIZE = 16 * MIB - 1
# Of JSON's blanks: enough for a body to go to the process.
BLANKS = " " * 300_000


def filled(unit: bytes, before: bytes = b'{"features":[', after: bytes = b"]}") -> bytes:
    """A body of 16 MiB."""
    count = (SIZE - len(before) - len(after)) // len(unit)
    return before + (unit * count)[:-1] + after


DENSE = {
    "empty lists": filled(b"[],"),
    "objects of one": filled(b'{"a":1},'),
    "small numbers": filled(b"7,"),
    "one key many times": filled(b'"a":0,', b'{"features":{', b"}}"),
    "empty lists beside a text": filled(
        b"[],", b'{"features":{"station":"\\",[{\\\\","x":[', b"]}}"
    ),
    "lists in lists": b'{"features":' + b"[" * (SIZE // 2 - 16) + b"]" * (SIZE // 2 - 16) + b"}",
}


@pytest.fixture
def gateway(site: GatewayClient) -> Process:
    """The first of the gateways, with its process for large bodies."""
    for _ in site.urls:
        assert (
            site.call(
                "POST",
                "/predict/async/",
                content=json.dumps({"features": GOOD}) + BLANKS,
                headers=JSON,
            ).status_code
            == 202
        )
    site.stack.valkey.flush()
    return site.stack.gateways[0]


def check_process(gateway: Process) -> int:
    """The id of its process for large bodies."""
    (pid,) = [
        pid
        for pid in gateway.children()
        if b"check_process" in Path(f"/proc/{pid}/cmdline").read_bytes()
    ]
    return pid


def memory(pid: int, name: str) -> int:
    found = re.search(rf"{name}:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    assert found
    return int(found[1]) * 1024


@contextmanager
def more_memory_than(*pids: int) -> Iterator[list[int]]:
    """Gives what each process had at the most beyond what it had before (proc(5), clear_refs)."""
    for pid in pids:
        Path(f"/proc/{pid}/clear_refs").write_text("5")
    rested, found = [memory(pid, "VmHWM") for pid in pids], list[int]()
    yield found
    found += [memory(pid, "VmHWM") - before for pid, before in zip(pids, rested, strict=True)]


@pytest.mark.parametrize("body", DENSE.values(), ids=DENSE)
def test_what_no_model_can_need_is_refused_before_it_takes_memory(
    site: GatewayClient, gateway: Process, body: bytes
) -> None:
    with more_memory_than(gateway.pid, check_process(gateway)) as more:
        answer = problem(HTTP.post(f"{gateway.url}/predict/", content=body, headers=JSON), 422)
    assert [error["field"] for error in answer["errors"]] == ["body"]
    assert max(more) < 3 * SIZE
    assert site.outstanding() == 0


def test_a_text_may_have_any_marks_in_it(site: GatewayClient, driver: FakeWorker) -> None:
    text = ',:[{"\\' * (MIB // 2)
    task_id = site.submit(features=GOOD | {"station": text})
    (granted,) = driver.claim()
    assert json.loads(granted.input or b"")["features"]["station"] == text
    driver.finish(task_id)


def test_a_list_that_may_be_long_may_be_long(site: GatewayClient, driver: FakeWorker) -> None:
    quantiles = [i / 1_000_000 for i in range(500_000)]
    task_id = site.submit(params={"quantiles": quantiles})
    (granted,) = driver.claim()
    assert json.loads(granted.input or b"")["params"]["quantiles"] == quantiles
    driver.finish(task_id)


def test_a_large_body_is_told_what_is_wrong_as_a_small_one_is(site: GatewayClient) -> None:
    wrong = {"features": GOOD | {"days": 1.5, "height": 1}, "urgency": 1, "match_id": "x"}
    small, large = (
        problem(
            site.call("POST", "/predict/", content=json.dumps(wrong) + blanks, headers=JSON), 422
        )
        for blanks in ("", BLANKS)
    )
    assert small["errors"] == large["errors"]
    cut = problem(
        site.call("POST", "/predict/", content=BLANKS + '{"features":', headers=JSON), 400
    )
    assert cut["detail"].startswith("The body is not JSON")


def test_a_large_body_joins_a_small_one_that_says_the_same(site: GatewayClient) -> None:
    body = json.dumps({"features": GOOD, "match_id": 7})
    for headers in ({}, {"Idempotency-Key": '"a"', "Cache-Control": "no-cache"}):
        ids = {
            site.call("POST", "/predict/async/", content=content, headers=JSON | headers).json()[
                "task_id"
            ]
            for content in (body, body + BLANKS)
        }
        assert len(ids) == 1
    site.stack.valkey.flush()


def test_others_are_served_while_a_large_body_is_checked(
    site: GatewayClient, gateway: Process, driver: FakeWorker
) -> None:
    """The process stands still, so the check takes as long as this test wants."""
    pid = check_process(gateway)
    os.kill(pid, signal.SIGSTOP)
    try:
        url = f"{gateway.url}/predict/async/"
        large = site.later(HTTP.post, url, json={"features": GOOD | {"station": "x" * MIB}})
        ids = {HTTP.post(url, json={"features": GOOD}).json()["task_id"] for _ in range(3)}
        assert HTTP.get(f"{gateway.url}/livez").status_code == 200
        assert not large.done()
    finally:
        os.kill(pid, signal.SIGCONT)
    ids.add(large.result().json()["task_id"])
    assert {driver.run() for _ in range(4)} == ids


def test_a_check_process_that_died_is_replaced(site: GatewayClient, gateway: Process) -> None:
    before = check_process(gateway)
    os.kill(before, signal.SIGKILL)
    ids = [site.submit(features=GOOD | {"station": "x" * MIB}) for _ in site.urls]
    assert len(set(ids)) == len(site.urls)
    assert check_process(gateway) != before
    assert all(task_id.startswith(MODEL) for task_id in ids)
    site.stack.valkey.flush()
