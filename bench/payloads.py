"""What 1,000 images of 1 MB in flight cost gateway and store in memory.

`python -m bench.payloads [--images 1000] [--write]`

As many callers as images, all at once, each waiting for its result, and no worker: so all are
outstanding and none of their callers gone when it is measured. A caller that is refused for want of
room sends again. Before that, one large body alone, for how many copies of it a gateway has at a
time.
"""

import argparse
import asyncio
import base64
import random
import re
import resource
import socket
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import redis

from bench.quick import Start, add_quick, start_of
from bench.results import ROWS, put, section
from testkit.servers import Valkey, registry_of_the_fault_model
from testkit.stack import Process, Stack

MB = 2**20
ALONE_MB = 12
AGAIN_S = 0.5
LIMIT_S = 400.0
OUTSTANDING = "{inference:fault}:outstanding"


@dataclass
class Seen:
    """What one way of taking them cost; sizes in MiB, `alone` in sizes of the body."""

    peak: float
    after: float
    store: float
    seconds: float
    refused: int
    alone: float


def request(megabytes: float) -> bytes:
    """A POST of an image that does not compress, as base64."""
    image = base64.b64encode(random.Random(1).randbytes(int(megabytes * MB * 3 / 4)))
    body = b'{"features":{"do":"answer","note":"' + image + b'"},"model":"fault"}'
    head = (
        "POST /predict/ HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


async def call(port: int, message: bytes, refused: Counter[bytes]) -> None:
    """Sends, and again while it is refused; an accepted one has no answer, for its caller waits."""
    loop = asyncio.get_running_loop()
    while True:
        with socket.socket() as sock:
            sock.setblocking(False)
            try:
                await loop.sock_connect(sock, ("127.0.0.1", port))
                await loop.sock_sendall(sock, message)
                answer = await loop.sock_recv(sock, 4096)
            except ConnectionError as error:
                answer = type(error).__name__.encode()
        refused[answer[9:12]] += 1
        await asyncio.sleep(AGAIN_S)


async def fill(
    port: int, store: redis.Redis, message: bytes, count: int
) -> tuple[float, Counter[bytes]]:
    """Has `count` outstanding, their callers waiting.

    Returns how long that took and what was refused.
    """
    refused: Counter[bytes] = Counter()
    started = time.monotonic()
    calls = [asyncio.create_task(call(port, message, refused)) for _ in range(count)]
    while int(store.zcard(OUTSTANDING)) < count:
        if time.monotonic() - started > LIMIT_S:
            raise SystemExit(
                f"{store.zcard(OUTSTANDING)} of {count} were taken; refused: {dict(refused)}"
            )
        await asyncio.sleep(0.1)
    took = time.monotonic() - started
    await asyncio.sleep(1)
    for each in calls:
        each.cancel()
    await asyncio.gather(*calls, return_exceptions=True)
    return took, refused


def memory(pid: int, name: str) -> float:
    """VmRSS or VmHWM (the peak) of a process, in MiB."""
    found = re.search(rf"{name}:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    assert found
    return int(found[1]) / 1024


def forget_the_peak(pid: int) -> float:
    """Returns what is resident, which is the peak from now on (proc(5), clear_refs)."""
    Path(f"/proc/{pid}/clear_refs").write_text("5")
    return memory(pid, "VmHWM")


@contextmanager
def gateway(folder: Path, start: Start, **env: str) -> Iterator[tuple[Process, redis.Redis]]:
    """One gateway on an empty store."""
    folder.mkdir()
    valkey = Valkey(folder / "valkey")
    valkey.start()
    settings = {"SYNC_SLO_S": "600", "BACKLOG_MAX_BYTES": str(16 * 2**30)} | env
    stack = Stack(folder, valkey, start.registry, "fault", settings, preloaded=start.preloaded)
    try:
        yield stack.add_gateway(), redis.Redis(port=valkey.port)
    finally:
        stack.stop()
        valkey.kill()


def measure(folder: Path, start: Start, images: int, **env: str) -> Seen:
    """One way of taking them.

    The first request of a gateway is not counted: it makes what stays.
    """
    with gateway(folder, start, **env) as (process, store):
        port = int(process.url.rpartition(":")[2])
        asyncio.run(fill(port, store, request(1), 1))
        store.flushall()
        rested = forget_the_peak(process.pid)
        asyncio.run(fill(port, store, request(ALONE_MB), 1))
        alone = (memory(process.pid, "VmHWM") - rested) / ALONE_MB
        store.flushall()
        rested, empty = forget_the_peak(process.pid), used(store)
        seconds, refused = asyncio.run(fill(port, store, request(1), images))
        peak, after = memory(process.pid, "VmHWM"), memory(process.pid, "VmRSS")
        return Seen(
            peak - rested,
            after - rested,
            used(store) - empty,
            seconds,
            sum(refused.values()),
            alone,
        )


def used(store: redis.Redis) -> float:
    """The store's used_memory, in MiB."""
    return int(store.info("memory")["used_memory"]) / MB


def rows(ways: dict[str, Seen]) -> ROWS:
    """A row a way."""
    return [
        (
            name,
            f"{seen.peak:.0f} / {seen.after:.0f} / {seen.store:.1f}",
            f"{seen.alone:.1f} × · {seen.seconds:.0f} s, {seen.refused} sent again",
        )
        for name, seen in ways.items()
    ]


def main(arguments: Sequence[str] | None = None) -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(prog="python -m bench.payloads", description=__doc__)
    parser.add_argument("--images", type=int, default=1000, help="how many, of 1 MiB each")
    parser.add_argument(
        "--write", action="store_true", help="write the section of bench/RESULTS.md"
    )
    add_quick(parser)
    options = parser.parse_args(arguments)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = max(soft, min(hard, options.images + 1000))
    resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))
    with tempfile.TemporaryDirectory(prefix="bench-payloads-") as name, ExitStack() as stack:
        folder = Path(name)
        start = start_of(options)
        registry = registry_of_the_fault_model(folder / "mlflow", start.registry)
        start = replace(start, registry=stack.enter_context(registry))
        (folder / "large").mkdir()
        beside = {"PAYLOAD_URL": (folder / "large").as_uri()}
        unbounded = {"RECEIVING_MAX_BYTES": str(16 * 2**30)}
        ways = {
            "in the store, receiving unbounded": measure(
                folder / "1", start, options.images, **unbounded
            ),
            "in the store": measure(folder / "2", start, options.images),
            "by reference": measure(folder / "3", start, options.images, **beside),
        }
    columns = (
        "the inputs are",
        "MiB more: gateway at most / while they wait / store",
        "one body of 12 MiB alone · time",
    )
    said = (
        f"{options.images} callers at once, each with an image of 1 MiB as base64, all waiting;"
        " no worker."
    )
    text = section("## Large payloads", said, rows(ways), columns)
    print(text)
    if options.write:
        put(text)


if __name__ == "__main__":
    main()
