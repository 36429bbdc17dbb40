"""A client that says to a server whatever bytes it is told, for what no HTTP library would send."""

import socket
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from threading import Event, Thread

LIMIT_S = 5.0
"""Within which any client is answered, or its connection closed."""


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer's status, headers (names in small letters) and body."""

    status: int
    headers: dict[str, str]
    body: bytes


def ask(url: str, said: bytes | Iterable[bytes], limit_s: float = LIMIT_S) -> Answer | None:
    """Returns the first answer, or None if the connection was closed instead.

    Raises `TimeoutError` if neither came in time. Pieces go on being sent while the answer is
    waited for.
    """
    stop = Event()
    with opened(url) as sock:
        speaker = Thread(
            target=_say, args=(sock, [said] if isinstance(said, bytes) else said, stop)
        )
        speaker.start()
        try:
            return read_answer(sock, bytearray(), limit_s)
        finally:
            stop.set()
            with suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
            speaker.join()


def opened(url: str) -> socket.socket:
    """A connection to the server of a URL."""
    host, _, port = url.removeprefix("http://").partition(":")
    return socket.create_connection((host, int(port)), timeout=LIMIT_S)


def read_answer(
    sock: socket.socket, received: bytearray, limit_s: float = LIMIT_S
) -> Answer | None:
    """Reads one answer, beginning with the bytes that were received before.

    It leaves there the bytes of the next answer.
    """
    end = time.monotonic() + limit_s
    while True:
        head, blank, rest = bytes(received).partition(b"\r\n\r\n")
        if blank:
            line, *lines = head.decode("latin-1").split("\r\n")
            status = int(line.split(" ")[1])
            headers = {
                name.lower(): value.strip()
                for name, _, value in (each.partition(":") for each in lines)
            }
            size = int(headers.get("content-length", 0))
            if len(rest) >= size:
                received[:] = rest[size:]
                if status >= 200:
                    return Answer(status, headers, rest[:size])
                continue
        if not (more := _received(sock, end)):
            assert not received, f"half an answer: {bytes(received)!r}"
            return None
        received += more


def closed(sock: socket.socket) -> bool:
    """Whether the server has closed the connection without a word."""
    sock.setblocking(False)
    try:
        return sock.recv(1) == b""
    except BlockingIOError:
        return False
    except ConnectionResetError:
        return True


def _received(sock: socket.socket, end: float) -> bytes:
    left = end - time.monotonic()
    if left <= 0:
        raise TimeoutError("neither an answer nor an end")
    sock.settimeout(left)
    try:
        return sock.recv(65_536)
    except ConnectionResetError:
        return b""


def _say(sock: socket.socket, pieces: Iterable[bytes], stop: Event) -> None:
    """Until it has said all, or the server will not hear it."""
    with suppress(OSError):
        for piece in pieces:
            if stop.is_set():
                return
            sock.sendall(piece)
