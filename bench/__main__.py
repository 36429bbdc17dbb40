"""Prints the table of the bench: `python -m bench [--seconds 4] [--rounds 3] [--write]`.

With --write it goes to bench/RESULTS.md too.

All with `appendfsync always`. The contestants take turns, round after round, and the median ratio
counts.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from typing import Any

import psutil
import redis

from bench.quick import add_quick, start_of
from bench.results import ROWS, put, section
from bench.rounds import CALLERS, load, ratios
from bench.stands import Stands, stands
from testkit.servers import Valkey
from testkit.stack import ROOT


def submissions(at: Stands, seconds: float, rounds: int) -> ROWS:
    """Submissions a second with nobody to work them off, so that the gateway alone is measured."""
    seen: dict[str, list[float]] = {"ours": [], "empty": [], "textbook": []}
    for _ in range(rounds):
        for name, url in (("ours", at.ours), ("empty", at.empty), ("textbook", at.textbook)):
            seen[name].append(load(f"{url}/predict/async/", seconds, CALLERS)["per_s"])
        for server in (at.stack.valkey, at.textbook_store):
            server.flush()
    return [
        (
            "async submissions/s",
            f"{median(seen['ours']):.0f}",
            f"{CALLERS} callers, 1 gateway process",
        ),
        (
            "... ÷ empty FastAPI route",
            ratios(seen["ours"], seen["empty"]),
            f"the route: {median(seen['empty']):.0f}/s; aim ≥ 0.5",
        ),
        (
            "... ÷ textbook service",
            ratios(seen["ours"], seen["textbook"]),
            f"textbook: {median(seen['textbook']):.0f}/s; aim ≥ 3",
        ),
    ]


def round_trips(at: Stands, seconds: float, rounds: int) -> ROWS:
    """Synchronous calls: many callers at once, then one alone; and what the processes weigh."""
    rows: ROWS = []
    with at.our_worker(8) as pid:
        many = [load(f"{at.ours}/predict/", seconds, CALLERS)["per_s"] for _ in range(rounds)]
        alone = [load(f"{at.ours}/predict/", seconds, 1) for _ in range(rounds)]
        rows += steps_per_call(at, min(seconds, 2.0))
        rows += memory(at, pid)
    with at.textbook_worker():
        their_many = [
            load(f"{at.textbook}/predict/", seconds, CALLERS)["per_s"] for _ in range(rounds)
        ]
        their_alone = [load(f"{at.textbook}/predict/", seconds, 1) for _ in range(rounds)]
    run_ms = model_ms()
    for name, mine, theirs in (("p50", "p50_ms", "p50_ms"), ("p99", "p99_ms", "p99_ms")):
        ours, other = (
            median(one[key] for one in all_) for key, all_ in ((mine, alone), (theirs, their_alone))
        )
        note = f"textbook: {other - run_ms:.1f} ms" + ("; aim ≤ 10 ms" if name == "p50" else "")
        rows.insert(
            0 if name == "p50" else 1,
            (f"ms added at {name}, idle system", f"{ours - run_ms:.1f}", note),
        )
    trips = (
        f"sync round trips/s, {CALLERS} callers, B = 8",
        f"{median(many):.0f}",
        f"textbook: {median(their_many):.0f}/s",
    )
    return [trips, ("... ÷ textbook service", ratios(many, their_many), ""), *rows]


def model_ms() -> float:
    """What the model itself takes for one input, in a process of its own.

    It is subtracted from the round trips.
    """
    program = """
import time, pandas as pd
from testkit.fault_model import Fault
model, rows = Fault(), pd.DataFrame([{"do": "answer", "value": 1, "seconds": 0.0, "note": None}])
def once():
    started = time.perf_counter()
    model.predict(None, rows)
    return time.perf_counter() - started
print(sorted(once() for _ in range(501))[250] * 1000)
"""
    return float(
        subprocess.run(
            [sys.executable, "-W", "ignore", "-c", program],
            cwd=ROOT,
            check=True,
            capture_output=True,
        ).stdout
    )


def steps_per_call(at: Stands, seconds: float) -> ROWS:
    """Store round trips of a submission and of a batch, by the server's own count of commands."""
    submit = counted(at.stack.valkey, lambda: load(f"{at.ours}/predict/async/", seconds, CALLERS))
    return [
        (
            "store steps per submission",
            f"{submit['submit'] + submit['tickets_published']:.2f}",
            f"{CALLERS} callers; of it {submit['tickets_published']:.2f} to count tickets",
        ),
        (
            "store steps per batch",
            f"{submit['batch']:.2f}",
            "claim, begin, settle, and tickets in flight when some were missing",
        ),
    ]


def counted(server: Valkey, work: Callable[[], dict[str, Any]]) -> dict[str, float]:
    """Runs work and returns script calls per submission and per batch."""
    from inference.store.redis.commands import script

    digests = {
        script(name).digest: name
        for name in ("submit", "tickets_published", "claim", "begin", "settle")
    }
    calls = dict.fromkeys(digests.values(), 0)
    with redis.Redis(port=server.port) as client, client.monitor() as monitor:
        listener = _Listener(monitor, digests, calls)
        listener.start()
        work()
        until_idle(client)
        listener.stop(client)
    batches = max(1, calls["begin"])
    per_batch = (calls["claim"] + calls["begin"] + calls["settle"]) / batches
    return {
        "submit": 1.0,
        "tickets_published": calls["tickets_published"] / max(1, calls["submit"]),
        "batch": per_batch,
    }


def until_idle(client: redis.Redis) -> None:
    """Waits until all that was submitted has been worked off."""
    while client.zcard("{inference:fault}:outstanding"):
        time.sleep(0.05)


class _Listener:
    """Counts the scripts that MONITOR shows, on a thread."""

    def __init__(self, monitor: Any, digests: dict[str, str], calls: dict[str, int]) -> None:
        import threading

        self._monitor, self._digests, self._calls = monitor, digests, calls
        self._thread = threading.Thread(target=self._listen, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def _listen(self) -> None:
        for seen in self._monitor.listen():
            words = seen["command"].split(" ", 2)
            if words[0] == "ECHO":
                return
            if words[0] == "EVALSHA" and (name := self._digests.get(words[1])):
                self._calls[name] += 1

    def stop(self, client: redis.Redis) -> None:
        client.echo("done")
        self._thread.join(30)


def memory(at: Stands, worker: int) -> ROWS:
    """Resident memory of the processes."""

    def mib(pid: int) -> float:
        return float(psutil.Process(pid).memory_info().rss) / 2**20

    child = max(psutil.Process(worker).children(), key=lambda process: process.memory_info().rss)
    parts = (
        f"worker parent {mib(worker):.0f}, child with the model {mib(child.pid):.0f} (no torch:"
        " a model from code)"
    )
    return [("MiB resident, gateway", f"{mib(at.stack.gateways[0].pid):.0f}", parts)]


def table(rows: ROWS) -> str:
    """The table as Markdown."""
    return section("# Results", "medians of the rounds, their range in brackets.", rows)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--seconds", type=float, default=4.0, help="length of one round")
    parser.add_argument("--rounds", type=int, default=3, help="rounds of each measurement")
    parser.add_argument("--write", action="store_true", help="write bench/RESULTS.md")
    add_quick(parser)
    options = parser.parse_args(arguments)
    with (
        tempfile.TemporaryDirectory(prefix="bench-") as folder,
        stands(Path(folder), start_of(options)) as at,
    ):
        rows = submissions(at, options.seconds, options.rounds) + round_trips(
            at, options.seconds, options.rounds
        )
    print(table(rows))
    if options.write:
        put(table(rows))


if __name__ == "__main__":
    main()
