"""Servers of images on loopback, well-behaved and not.

The path that is asked for says how a server behaves.
"""

import gzip
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from testkit.stack import ROOT

CAT = (ROOT / "examples" / "image_classifier" / "cat.jpg").read_bytes()


class Host(ThreadingHTTPServer):
    """Counts what it is asked; what hangs does so until the end of the test."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.asked: list[str] = []
        self.headers: list[dict[str, str]] = []
        self.over = threading.Event()
        self.ten = threading.Barrier(10)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Callers that hang up are what is tested."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Host

    def log_message(self, format: str, *args: Any) -> None:
        """Says nothing."""

    def do_GET(self) -> None:
        path, _, query = self.path.partition("?")
        self.server.asked.append(self.path)
        self.server.headers.append({name.lower(): value for name, value in self.headers.items()})
        getattr(self, f"do_{path.strip('/').partition('.')[0]}")(query)

    def answer(self, status: int, content: bytes = b"", **headers: str) -> None:
        self.send_response(status)
        for name, value in {
            "Content-Length": str(len(content)),
            "Set-Cookie": "seen=1",
        }.items() | headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(content)

    def do_cat(self, _: str) -> None:
        self.answer(200, CAT, Content_Type="image/jpeg")

    def do_text(self, _: str) -> None:
        self.answer(200, b"this is no image")

    def do_status(self, status: str) -> None:
        self.answer(int(status))

    def do_twice(self, _: str) -> None:
        """Fails twice, then answers."""
        self.answer(503) if self.server.asked.count(self.path) <= 2 else self.do_cat("")

    def do_to(self, place: str) -> None:
        self.answer(302, Location=place)

    def do_around(self, _: str) -> None:
        self.answer(301, Location="/around")

    def do_ten(self, _: str) -> None:
        """Answers once ten have asked."""
        self.server.ten.wait(30)
        self.do_cat("")

    def do_hang(self, _: str) -> None:
        self.server.over.wait(60)

    def do_trickle(self, _: str) -> None:
        """A byte every now and then, so that no pause between two is long."""
        self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
        while not self.server.over.wait(0.05):
            self.wfile.write(b"x")
            self.wfile.flush()

    def do_endless(self, _: str) -> None:
        self.wfile.write(b"HTTP/1.1 200 OK\r\n\r\n")
        while not self.server.over.is_set():
            self.wfile.write(b"x" * 65_536)

    def do_headers(self, _: str) -> None:
        self.wfile.write(b"HTTP/1.1 200 OK\r\n")
        while not self.server.over.is_set():
            self.wfile.write(b"X-More: " + b"x" * 60_000 + b"\r\n")

    def do_large(self, _: str) -> None:
        self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 999999999\r\n\r\n")

    def do_lying(self, _: str) -> None:
        """Says that it is short, in two ways, and is not."""
        self.wfile.write(
            b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\nTransfer-Encoding: chunked\r\n\r\n"
        )
        while not self.server.over.is_set():
            self.wfile.write(b"10000\r\n" + b"x" * 65_536 + b"\r\n")

    def do_short(self, _: str) -> None:
        self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 99999\r\n\r\nfew")
        self.close_connection = True

    def do_bomb(self, _: str) -> None:
        self.answer(200, gzip.compress(bytes(20_000_000)), Content_Encoding="gzip")

    def do_noise(self, _: str) -> None:
        self.wfile.write(b"\x00\xff" * 500 + b"\r\n\r\n")
        self.close_connection = True


@contextmanager
def image_host() -> Iterator[Host]:
    """A server on a free port of loopback."""
    host = Host()
    thread = threading.Thread(
        target=host.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
    )
    thread.start()
    try:
        yield host
    finally:
        host.over.set()
        host.ten.abort()
        host.shutdown()
        host.server_close()
