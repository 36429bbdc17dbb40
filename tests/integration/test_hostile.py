"""Tests hostile callers of a running service: each is told off or cut off in 5 s.

Other callers, at the same time, notice nothing.
"""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from itertools import chain, repeat
from socket import socket
from threading import Event

import pytest

from testkit.stack import Process
from testkit.waiting import until
from testkit.wire import Answer, ask, closed, opened, read_answer
from tests.integration.conftest import MakeStack
from tests.integration.hostile_bodies import BODIES
from tests.integration.hostile_calls import (
    CALLS,
    GOOD,
    IGNORED,
    UNREADABLE,
    Case,
    chunked,
    get,
    post,
    unsized,
)
from tests.integration.traffic import Traffic

PATHS = ("/predict/", "/predict/async")
ARRIVAL_S = 2.0


@pytest.fixture(scope="module")
def gateway(make_stack: MakeStack) -> Iterator[Process]:
    """A gateway in use: predictions go on beside the tests, and all of them end well."""
    extensions = "examples.football.gateway:install"
    stack = make_stack(
        gateways=1,
        EXTENSIONS=extensions,
        ARRIVAL_TIMEOUT_S=f"{ARRIVAL_S:g}",
        MAX_BODY_BYTES=str(2**20),
    )
    large = {"features": {"do": "answer", "note": "n" * 100_000}}
    answer = stack.client().post("/predict/async/", large)
    assert answer.status_code == 202, "the process that checks large bodies is up from here on"
    with Traffic(stack.client()) as traffic:
        yield stack.gateways[0]
    traffic.check()


@pytest.fixture(autouse=True)
def _the_gateway_is_well(gateway: Process) -> Iterator[None]:
    before = gateway.log.stat().st_size
    yield
    said = gateway.log.read_bytes()[before:].decode(errors="replace")
    assert "Traceback" not in said
    assert "crashed" not in said
    assert not gateway.died()


def problem(answer: Answer | None, *statuses: int) -> None:
    """An answer must be a problem of one of these statuses."""
    assert answer is not None, "closed without an answer"
    assert answer.status in statuses, answer
    assert answer.headers["content-type"] == "application/problem+json"
    assert json.loads(answer.body)["status"] == answer.status


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    ("body", "status"),
    [
        pytest.param(body, status, id=name)
        for status, of in BODIES.items()
        for name, body in of.items()
    ],
)
def test_a_body_that_can_not_be_meant_is_a_problem(
    gateway: Process, path: str, body: bytes, status: int
) -> None:
    problem(ask(gateway.url, post(body, path=path.encode())), status)


@pytest.mark.parametrize("case", CALLS, ids=lambda case: case.name)
def test_a_call_that_can_not_be_meant_is_a_problem(gateway: Process, case: Case) -> None:
    problem(ask(gateway.url, case.said), *case.statuses)


@pytest.mark.parametrize("case", UNREADABLE, ids=lambda case: case.name)
def test_what_is_no_request_is_refused_by_the_parser(gateway: Process, case: Case) -> None:
    answer = ask(gateway.url, case.said)
    assert answer is not None
    assert answer.status in case.statuses, answer


@pytest.mark.parametrize("header", IGNORED.values(), ids=IGNORED)
def test_a_header_that_may_be_ignored_is_ignored_at_once(gateway: Process, header: bytes) -> None:
    answer = ask(gateway.url, post(GOOD, header, path=b"/predict/"))
    assert answer is not None
    assert answer.status == 200, answer
    assert len(answer.headers["x-request-id"]) <= 128


# What is said for ever, as fast as it is heard: the statuses that may answer it, None for a
# connection closed.
ENDLESS = {
    "a body in chunks": (chunked(), b"400\r\n" + b" " * 1024 + b"\r\n", {413}),
    "a body that nobody reads": (
        chunked().replace(b"/predict/", b"/nowhere/"),
        b"400\r\n" + b" " * 1024 + b"\r\n",
        {404},
    ),
    "a chunk's extension": (chunked() + b"1;", b"a=b;" * 1000, {400, None}),
    "trailers": (chunked() + b"2\r\n{}\r\n0\r\n", b"X-Trailer: x\r\n" * 100, {400, None}),
    "one trailer": (chunked() + b"2\r\n{}\r\n0\r\nX-Trailer: ", b"x" * 4096, {400, None}),
    "headers": (b"GET /livez HTTP/1.1\r\n", b"X-Header: x\r\n" * 100, {431}),
    "one header": (b"GET /livez HTTP/1.1\r\nX-Header: ", b"x" * 4096, {431}),
    "one header's name": (b"GET /livez HTTP/1.1\r\n", b"x" * 4096, {431}),
    "a path": (b"GET /", b"x" * 4096, {431}),
    "line breaks": (b"", b"\r\n" * 1000, {431, None}),
    "noise behind a body": (post(), b"\xff\x00" * 1000, {202, 400, None}),
}


@pytest.mark.parametrize(("first", "then", "ends"), ENDLESS.values(), ids=ENDLESS)
def test_what_comes_without_end_is_answered_or_cut_off(
    gateway: Process, first: bytes, then: bytes, ends: set[int | None]
) -> None:
    answer = ask(gateway.url, chain([first], repeat(then)))
    assert (answer.status if answer else None) in ends, answer


def test_a_body_that_goes_on_after_its_answer_is_cut_off(gateway: Process) -> None:
    with opened(gateway.url) as sock:
        sock.sendall(chunked().replace(b"/predict/", b"/nowhere/"))
        problem(read_answer(sock, bytearray()), 404)
        until(lambda: _is_cut_off(sock, b"1\r\n \r\n"), "the connection to be closed", 30)


# What stops in its midst, or comes a byte at a time: the bytes that come at once, those that drip,
# and the status, None as above.
SLOW = {
    "nothing": (b"", b"", None),
    "half a request line": (b"GET /li", b"", None),
    "half the headers": (get(b"/livez")[:-2], b"", None),
    "a head in drips": (b"GET /livez HTTP/1.1\r\nX: ", b"x", None),
    "line breaks in drips": (b"", b"\n", None),
    "no body at all": (unsized(b"Content-Length: 9"), b"", 408),
    "a body cut short": (post()[:-1], b"", 408),
    "a body in drips": (post().replace(b"Length: ", b"Length: 99"), b" ", 408),
    "a large body in drips": (post(b" " * 100_000)[:-90_000], b" ", 408),
    "chunks in drips": (chunked(), b"1\r\n \r\n", 408),
    "half a chunk's size": (chunked(b"1"), b"", 408),
    "no last chunk": (chunked(b"2\r\n{}\r\n"), b"", 408),
    "a trailer in drips": (chunked(b"2\r\n{}\r\n0\r\nX: "), b"x", 408),
    "a replay in drips": (
        post(path=b"/dead-letters/replay").replace(b"Length: ", b"Length: 9"),
        b" ",
        408,
    ),
}


def test_what_stops_or_drips_is_answered_or_cut_off(gateway: Process) -> None:
    """All of it at once: each takes as long as the gateway's patience."""

    def dripped(first: bytes, drip: bytes) -> Answer | None:
        stop = Event()
        drops = (drip for _ in iter(lambda: stop.wait(0.1), True)) if drip else iter(())
        return ask(gateway.url, chain([first] if first else [], drops))

    with ThreadPoolExecutor(len(SLOW)) as pool:
        answers = {
            name: pool.submit(dripped, first, drip) for name, (first, drip, _) in SLOW.items()
        }
    ends = {
        name: answer.status if (answer := future.result()) else None
        for name, future in answers.items()
    }
    assert ends == {name: status for name, (_, _, status) in SLOW.items()}


def test_a_slow_body_is_a_problem_and_the_connection_is_closed(gateway: Process) -> None:
    with opened(gateway.url) as sock:
        sock.sendall(post()[:-1])
        answer = read_answer(sock, bytearray())
        problem(answer, 408)
        assert answer is not None
        assert answer.headers["connection"] == "close"
        assert read_answer(sock, bytearray()) is None


def test_a_thousand_calls_in_one_go_are_answered_in_their_order(gateway: Process) -> None:
    with opened(gateway.url) as sock:
        sock.sendall(b"".join(get(b"/result/call-%d" % number) for number in range(1000)))
        received = bytearray()
        answers = [read_answer(sock, received) for _ in range(1000)]
    assert [json.loads(answer.body)["instance"] for answer in answers if answer] == [
        f"/result/call-{n}" for n in range(1000)
    ]
    problem(answers[-1], 404)


def test_three_hundred_idle_connections_are_closed_and_hinder_nobody(gateway: Process) -> None:
    with ExitStack() as stack:
        idle = [stack.enter_context(opened(gateway.url)) for _ in range(300)]
        answer = ask(gateway.url, post(path=b"/predict/"))
        assert answer is not None
        assert answer.status == 200
        until(lambda: all(closed(sock) for sock in idle), "all of them to be closed")


def test_a_request_may_take_its_time_while_another_is_worked_on(gateway: Process) -> None:
    """A head that waits behind a request of the same connection counts as arrived.

    Its time has not begun, although it is unread.
    """
    slow = post(b'{"features":{"do":"answer","seconds":%g}}' % (2 * ARRIVAL_S), path=b"/predict/")
    with opened(gateway.url) as sock:
        sock.sendall(slow + get(b"/livez") + get(b"/nowhere")[:-2])
        received = bytearray()
        statuses = [answer.status for _ in range(2) if (answer := read_answer(sock, received, 30))]
        sock.sendall(b"\r\n")
        last = read_answer(sock, received)
    assert [*statuses, last and last.status] == [200, 200, 404]


def _is_cut_off(sock: socket, more: bytes) -> bool:
    try:
        sock.sendall(more)
    except OSError:
        return True
    return closed(sock)
