"""`python -m bench.bodies [--megabytes 16] [--write]`: what the largest bodies cost a gateway, by
what is in them.

How long its event loop is held (CPU time of its thread), and what gateway and check process have
more in memory at the most.
"""

import argparse
import json
import os
import random
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2

from bench.payloads import forget_the_peak, memory
from bench.results import ROWS, put, section
from testkit.servers import Valkey, free_port
from testkit.stack import Process, answers
from testkit.waiting import until

MB = 2**20
TENSOR = [3, 224, 224]


def _column(name: str, kind: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "required": False} | kind


def _tensor(name: str, dtype: str, shape: list[int]) -> dict[str, Any]:
    return _column(name, {"type": "tensor", "tensor-spec": {"dtype": dtype, "shape": [-1, *shape]}})


OPEN = [
    _column("text", {"type": "string"}),
    _tensor("image", "float32", TENSOR),
    _tensor("rows", "float32", [1024, 1024]),
    _column("list", {"type": "array", "items": {"type": "double"}}),
    _column("any", {"type": "any"}),
]
FIXED = [_tensor("small", "int8", [4 * MB])]


DENSE = {"empty lists": b"[],", "objects of one": b'{"a":1},', "small numbers": b"7,"}


def _list(unit: bytes, size: int, column: bytes = b"any") -> bytes:
    count = (size - 40) // len(unit)
    return b'{"features":{"%s":[' % column + (unit * count)[:-1] + b"]}}"


def _text(content: bytes) -> bytes:
    return b'{"features":{"text":"' + content + b'"}}'


def _numbers(column: str, count: int, number: Any, rows: tuple[int, ...] = ()) -> bytes:
    value = [number() for _ in range(count)]
    for length in reversed(rows):
        value = [value[i : i + length] for i in range(0, len(value), length)]
    return json.dumps({"features": {column: value}}, separators=(",", ":")).encode()


def bodies(size: int) -> Iterator[tuple[str, bytes]]:
    """Bodies of some `size` bytes, and a picture as a tensor."""
    chance = random.Random(1)
    yield (
        "a tensor [3, 224, 224]",
        _numbers("image", 3 * 224 * 224, lambda: round(chance.random(), 8), (224, 224)),
    )
    yield (
        "a tensor of floats (1024 × 1024)",
        _numbers("rows", size // 16 + 1, lambda: round(chance.random(), 12), (1024,)),
    )
    yield (
        "a list of doubles (1,500,000)",
        _numbers("list", size * 1_500_000 // (16 * MB) + 1, lambda: round(chance.random(), 7)),
    )
    yield "base64", _text(b"QUJD" * (size // 4 - 16))
    yield "a text of commas and brackets", _text(b",[{" * (size // 3 - 16))
    yield "a text with an emoji", _text(b"a" * (size - 64) + "\U0001f600".encode())
    yield "a text of escapes", _text(b"\\n" * (size // 2 - 32))
    yield "blanks", b'{"features":{"text":' + b" " * (size - 64) + b'"a"}}'
    yield "a number of digits", b'{"features":{"any":' + b"9" * (size - 64) + b"}}"
    yield (
        "lists in lists",
        b'{"features":{"any":' + b"[" * (size // 2 - 32) + b"]" * (size // 2 - 32) + b"}}",
    )
    yield from ((title, _list(unit, size)) for title, unit in DENSE.items())
    yield "short strings", _list(b'"ab",', size)
    yield (
        "many keys",
        b'{"features":{' + b",".join(b'"%x":0' % i for i in range(size // 11)) + b"}}",
    )
    yield "one key many times", b'{"features":{' + b'"a":0,' * (size // 6 - 8) + b'"a":0}}'
    yield "the most empty lists that may be", _list(b"[],", 3 * (size // 8 // 5))
    yield "the most objects that may be", _list(b'{"a":1},', 8 * (size // 8 // 6))
    yield "the most short strings that may be", _list(b'"a",', 4 * (size // 8))
    yield "... wide, beside a text with an emoji", _wide(size)


def _wide(size: int) -> bytes:
    strings = _list('"\u20ac",'.encode(), 6 * (size // 8))[:-2]
    return (
        strings + b',"text":"' + b"a" * (size - len(strings) - 20) + "\U0001f600".encode() + b'"}}'
    )


@contextmanager
def gateway(folder: Path, models: dict[str, Any]) -> Iterator[Process]:
    """A gateway of these models, whose event loop is watched, on a store of its own."""
    folder.mkdir()
    valkey, port = Valkey(folder / "valkey"), free_port()
    valkey.start()
    server = [
        sys.executable,
        "-m",
        "uvicorn",
        "--http",
        "app.http.protocol:BoundedHttpProtocol",
        "--factory",
        "bench.ticking:create_app",
    ]
    env = {
        "STORE_URL": valkey.url(0),
        "BROKER_URL": valkey.url(1),
        "MODEL_URIS": ",".join(f"models:/{name}@production" for name in models),
        "BENCH_MODELS": json.dumps(models),
        "MALLOC_MMAP_THRESHOLD_": "262144",
        "BACKLOG_MAX_BYTES": str(2**34),
    }
    command = [*server, "--host", "127.0.0.1", "--port", str(port), "--no-access-log"]
    process = Process("gateway", command, env, folder / "gateway.log", f"http://127.0.0.1:{port}")
    process.start()
    try:
        until(lambda: answers(process, "/readyz"), "the gateway to be ready", 90)
        yield process
    finally:
        process.kill()
        valkey.kill()


def measure(process: Process, name: str, body: bytes) -> tuple[str, str, str]:
    """One body, sent after a small one that makes what stays."""
    headers = {"Content-Type": "application/json", "Idempotency-Key": os.urandom(8).hex()}
    with httpx2.Client(base_url=process.url, timeout=120, headers=headers, verify=False) as client:
        client.get("/held")
        parts = [process.pid, *process.children()]
        rested = [forget_the_peak(pid) for pid in parts]
        answer = client.post("/predict/async/", content=body)
        held = client.get("/held").json()["ms"]
    peaks = [memory(pid, "VmHWM") - rest for pid, rest in zip(parts, rested, strict=True)]
    more = " + ".join(f"{peak:.0f}" for peak in peaks)
    row = name, f"{held:.0f} ms", f"{len(body) / MB:.1f} MiB · {answer.status_code} · {more} MiB"
    print(*row, sep=" | ", file=sys.stderr, flush=True)
    return row


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(prog="python -m bench.bodies", description=__doc__)
    parser.add_argument("--megabytes", type=float, default=16, help="how large the bodies are")
    parser.add_argument(
        "--write", action="store_true", help="write the section of bench/RESULTS.md"
    )
    options = parser.parse_args()
    size = int(options.megabytes * MB) - 1
    rows: ROWS = []
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        with gateway(Path(name) / "open", {"open": OPEN}) as process:
            measure(process, "(first)", _numbers("list", 20_000, random.random))
            rows += [measure(process, title, body) for title, body in bodies(size)]
        with gateway(Path(name) / "fixed", {"fixed": FIXED}) as process:
            measure(process, "(first)", _numbers("small", 20_000, lambda: 1))
            tensor = _numbers("small", size // 4 + 1, lambda: random.randrange(-128, 128))
            rows.append(measure(process, "a tensor of int8 (4,194,304)", tensor))
            rows += [
                measure(process, f"{title}, for a fixed shape", _list(unit, size))
                for title, unit in DENSE.items()
            ]
    columns = ("body", "event loop held for", "it has · answer · gateway + check process have more")
    text = section(
        "## Large bodies",
        "each alone, with an Idempotency-Key; CPU time of the loop's thread.",
        rows,
        columns,
    )
    print(text)
    if options.write:
        put(text)


if __name__ == "__main__":
    main()
