"""A load generator in a process of its own: it prints one JSON line of what it saw.

`python -m bench.load URL SECONDS CONNECTIONS BODY`

Each connection sends, waits for the whole answer and sends again. It parses no more of HTTP than it
must, so that it does not become what is measured.
"""

import asyncio
import json
import sys
import time
from typing import cast
from urllib.parse import urlsplit

import uvloop


class Caller(asyncio.Protocol):
    """One connection, kept alive."""

    def __init__(
        self, request: bytes, until: float, latencies: list[float], codes: dict[str, int]
    ) -> None:
        self._request = request
        self._until = until
        self._latencies = latencies
        self._codes = codes
        self.done = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's own are no subclass
        self._send()

    def _send(self) -> None:
        self._read = b""
        self._sent = time.perf_counter()
        self._transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        self._read += data
        head = self._read.find(b"\r\n\r\n")
        if head < 0:
            return
        _, _, rest = self._read[:head].lower().partition(b"content-length:")
        if len(self._read) < head + 4 + int(rest.partition(b"\r")[0]):
            return
        self._latencies.append(time.perf_counter() - self._sent)
        code = self._read[9:12].decode()
        self._codes[code] = self._codes.get(code, 0) + 1
        if time.perf_counter() < self._until:
            self._send()
        else:
            self._transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        self.done.set_result(exc)


async def run(url: str, seconds: float, connections: int, body: bytes) -> dict[str, object]:
    """Returns requests a second, p50 and p99 in milliseconds, and the number of each status."""
    place = urlsplit(url)
    length = f"Content-Length: {len(body)}"
    head = (
        f"POST {place.path} HTTP/1.1\r\nHost: {place.netloc}\r\n"
        f"Content-Type: application/json\r\n{length}\r\n\r\n"
    )
    request = head.encode() + body
    latencies: list[float] = []
    codes: dict[str, int] = {}
    started = time.perf_counter()
    loop = asyncio.get_running_loop()
    callers = [Caller(request, started + seconds, latencies, codes) for _ in range(connections)]
    for caller in callers:
        await loop.create_connection(
            lambda caller=caller: caller,  # type: ignore[misc]
            place.hostname or "",
            place.port or 80,
        )
    await asyncio.gather(*(caller.done for caller in callers))
    took = time.perf_counter() - started
    latencies.sort()
    return {
        "per_s": len(latencies) / took,
        "p50_ms": latencies[len(latencies) // 2] * 1000,
        "p99_ms": latencies[int(len(latencies) * 0.99)] * 1000,
        "codes": codes,
    }


if __name__ == "__main__":
    url, seconds, connections, body = sys.argv[1:]
    print(json.dumps(uvloop.run(run(url, float(seconds), int(connections), body.encode()))))
