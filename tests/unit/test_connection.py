"""What a gateway takes for a request, however a client's bytes are cut into segments.

The transport is a real one.
"""

import asyncio
import socket
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

import pytest
from uvicorn.config import Config
from uvicorn.server import ServerState

from app.http.protocol import BoundedHttpProtocol

H2C = (
    b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"
    b"HTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA\r\n"
)
# What java.net.http.HttpClient of Java 17 sends, captured; its body comes in a second segment.
JAVA = (
    b"POST /java HTTP/1.1\r\nConnection: Upgrade, HTTP2-Settings\r\n"
    b"Content-Length: 17\r\nHost: 127.0.0.1:18232\r\n"
    b"HTTP2-Settings: AAEAAEAAAAIAAAAAAAMAAAAAAAQBAAAAAAUAAEAAAAYABgAA\r\nUpgrade: h2c\r\n"
    b"User-Agent: Java-http-client/17.0.15\r\n"
    b'Content-Type: application/json\r\n\r\n{"match_id":6508}'
)
LAST = b"GET /last HTTP/1.1\r\nHost: x\r\n\r\n"
SMUGGLED = b"GET /smuggled HTTP/1.1\r\nHost: x\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n"
CHUNKS = b"%x\r\n%s\r\n" % (len(SMUGGLED), SMUGGLED) + b"3;a=b\r\n\r\n\r\r\n"

Seen = tuple[str, str, bytes]
"""A request as the application sees it: its method, path and body."""


def post(path: bytes, *headers: bytes, body: bytes = SMUGGLED, version: bytes = b"1.1") -> bytes:
    """A request with a length."""
    lines = [
        b"POST %s HTTP/%s" % (path, version),
        b"Host: x",
        *headers,
        b"Content-Length: %d" % len(body),
        b"",
        body,
    ]
    return b"\r\n".join(lines)


def offer(protocol: bytes) -> tuple[bytes, bytes]:
    """The headers that offer a protocol."""
    return b"Upgrade: " + protocol, b"Connection: Upgrade"


class Watched(BoundedHttpProtocol):
    """The connection, which says when it moves on."""

    received = 0

    def __init__(self, app: Any, state: dict[str, Any]) -> None:
        super().__init__(Config(app, log_config=None, lifespan="off"), ServerState(), state)
        self.moved = asyncio.Event()

    async def until_taken(self, received: int) -> None:
        """Waits until so many bytes came, or no more will."""
        while self.received < received and not self.transport.is_closing():
            await self._move()

    async def until_answered(self) -> None:
        """Waits until what came whole has its answer."""
        while not self.transport.is_closing() and (
            self.pipeline or (self.cycle and not self.cycle.response_complete)
        ):
            await self._move()

    async def _move(self) -> None:
        self.moved.clear()
        await self.moved.wait()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self.received += len(data)
        self.moved.set()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self.moved.set()


async def _said(
    segments: Iterable[bytes],
) -> tuple[list[Seen], list[bytes], list[list[tuple[bytes, bytes]]]]:
    """Sends the segments, each when the one before was taken, and an end.

    Returns the requests seen, the statuses, the headers.
    """
    seen: list[Seen] = []
    headers: list[list[tuple[bytes, bytes]]] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        body, more = b"", True
        while more:
            message = await receive()
            if message["type"] != "http.request":
                return
            body, more = body + message["body"], message["more_body"]
        seen.append((scope["method"], scope["path"], body))
        headers.append(list(scope["headers"]))
        await send(
            {"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"0")]}
        )
        await send({"type": "http.response.body"})

    loop = asyncio.get_running_loop()
    mine, theirs = socket.socketpair()
    mine.setblocking(False)
    connection = Watched(app, {"arrival_timeout_s": 30.0})
    await loop.connect_accepted_socket(lambda: connection, theirs)
    sent = 0
    for segment in segments:
        with suppress(BrokenPipeError):
            await loop.sock_sendall(mine, segment)
        sent += len(segment)
        await connection.until_taken(sent)
    await connection.until_answered()
    with suppress(OSError):
        mine.shutdown(socket.SHUT_WR)
    answers = b""
    with mine, suppress(ConnectionResetError):
        while more := await loop.sock_recv(mine, 65_536):
            answers += more
    return (
        seen,
        [line.split(b" ")[1] for line in answers.split(b"\r\n") if line.startswith(b"HTTP/1.1 ")],
        headers,
    )


def cut_everywhere(said: bytes) -> list[list[bytes]]:
    """The same bytes in one segment, in two by each place of a cut, and one by one."""
    return [
        [said],
        *([said[:at], said[at:]] for at in range(1, len(said))),
        [said[at : at + 1] for at in range(len(said))],
    ]


TAKEN: dict[str, tuple[bytes, list[Seen]]] = {
    "curl --http2": (
        post(b"/a", H2C[:-2]) + LAST,
        [("POST", "/a", SMUGGLED), ("GET", "/last", b"")],
    ),
    "Java": (JAVA + LAST, [("POST", "/java", b'{"match_id":6508}'), ("GET", "/last", b"")]),
    "a web socket": (
        post(b"/a", *offer(b"websocket")) + LAST,
        [("POST", "/a", SMUGGLED), ("GET", "/last", b"")],
    ),
    "TLS": (
        post(b"/a", *offer(b"TLS/1.0")) + LAST,
        [("POST", "/a", SMUGGLED), ("GET", "/last", b"")],
    ),
    "several": (post(b"/a", *offer(b"foo/2, h2c"), *offer(b"bar")), [("POST", "/a", SMUGGLED)]),
    "in capitals": (
        post(b"/a", b"UPGRADE:h2c", b"CONNECTION:\tUPGRADE") + LAST,
        [("POST", "/a", SMUGGLED), ("GET", "/last", b"")],
    ),
    "HTTP/1.0": (post(b"/a", *offer(b"h2c"), version=b"1.0"), [("POST", "/a", SMUGGLED)]),
    "and close": (
        post(b"/a", b"Upgrade: h2c", b"Connection: close, Upgrade") + LAST,
        [("POST", "/a", SMUGGLED)],
    ),
    "Expect": (
        post(b"/a", *offer(b"h2c"), b"Expect: 100-continue") + LAST,
        [("POST", "/a", SMUGGLED), ("GET", "/last", b"")],
    ),
    "no body": (LAST[:-2] + H2C + b"\r\n" + LAST, [("GET", "/last", b"")] * 2),
    "a body of no bytes": (
        post(b"/a", *offer(b"h2c"), body=b"") + LAST,
        [("POST", "/a", b""), ("GET", "/last", b"")],
    ),
    "each of three": (post(b"/a", *offer(b"h2c")) * 3, [("POST", "/a", SMUGGLED)] * 3),
    "chunks and trailers": (
        b"POST /a HTTP/1.1\r\nHost: x\r\n" + H2C + b"Transfer-Encoding: chunked\r\n\r\n" + CHUNKS
        + b"0\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n" + LAST,
        [("POST", "/a", SMUGGLED + b"\r\n\r"), ("GET", "/last", b"")],
    ),
}  # fmt: skip


@pytest.mark.parametrize(("said", "expected"), TAKEN.values(), ids=TAKEN)
def test_an_offer_to_upgrade_is_ignored_and_the_body_read_however_it_is_cut(
    said: bytes, expected: list[Seen]
) -> None:
    async def run() -> None:
        for segments in cut_everywhere(said):
            seen, statuses, _ = await _said(segments)
            assert seen == expected, segments
            assert [status for status in statuses if status != b"100"] == [b"200"] * len(expected)

    asyncio.run(run())


REFUSED: dict[str, tuple[bytes, list[Seen], list[bytes]]] = {
    "CONNECT": (b"CONNECT x:1 HTTP/1.1\r\nHost: x\r\n\r\n" + SMUGGLED, [], [b"400"]),
    "CONNECT to a path": (
        b"CONNECT /a HTTP/1.1\r\nHost: x\r\n\r\n" + SMUGGLED,
        [("CONNECT", "/a", b"")], [b"200"],
    ),
    "CONNECT with an offer and a length": (
        post(b"/a", *offer(b"websocket")).replace(b"POST", b"CONNECT") + SMUGGLED,
        [("CONNECT", "/a", b"")], [b"200"],
    ),
    "the preface of HTTP/2": (
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(9) + SMUGGLED,
        [], [b"400"],
    ),
    "an offer and two lengths": (
        post(b"/a", *offer(b"h2c"), b"Content-Length: 1") + LAST,
        [], [b"400"],
    ),
    "an offer, a length and chunks": (
        post(b"/a", *offer(b"h2c"), b"Transfer-Encoding: chunked") + LAST,
        [], [b"400"],
    ),
    "an offer and two hosts": (post(b"/a", *offer(b"h2c"), b"Host: y") + LAST, [], [b"400"]),
}  # fmt: skip


@pytest.mark.parametrize(("said", "expected", "codes"), REFUSED.values(), ids=REFUSED)
def test_what_follows_a_refusal_or_a_connect_is_never_a_request(
    said: bytes, expected: list[Seen], codes: list[bytes]
) -> None:
    async def run() -> None:
        for segments in cut_everywhere(said):
            seen, statuses, _ = await _said(segments)
            assert (seen, statuses) == (expected, codes), segments

    asyncio.run(run())


def test_trailers_are_no_headers() -> None:
    said = (
        b"POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
        + CHUNKS
        + b"0\r\nIdempotency-Key: a\r\n\r\n"
    )
    _, _, headers = asyncio.run(_said([said]))
    assert headers == [[(b"host", b"x"), (b"transfer-encoding", b"chunked")]]


def test_the_other_headers_of_an_offer_are_all_kept() -> None:
    said = post(b"/a?b=%20c", *offer(b"h2c"), b"X-One: a", b"x-one:", b"X-Two: \xe9 b: c")
    _, _, headers = asyncio.run(_said([said]))
    names = [
        (b"host", b"x"),
        (b"connection", b"Upgrade"),
        (b"x-one", b"a"),
        (b"x-one", b""),
        (b"x-two", b"\xe9 b: c"),
    ]
    assert headers == [[*names, (b"content-length", b"%d" % len(SMUGGLED))]]
