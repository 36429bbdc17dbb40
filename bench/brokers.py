"""Holds RabbitMQ against Redis: `python -m bench.brokers [--seconds 4] [--rounds 3] [--write]`.

With --write the table goes to bench/RESULTS.md too.

Each broker has a gateway, a store and later a worker of its own. They take turns, round after
round, and the median ratio counts.
"""

import argparse
import os
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import uvloop

from app.background.ticket_rounds import MOST_AT_ONCE
from bench.quick import Start, add_quick, start_of
from bench.results import ROWS, put, section
from bench.rounds import CALLERS, load, ratios
from inference.broker.celery_config import queue_name
from inference.broker.factory import ticket_publisher
from testkit import rabbitmq
from testkit.brokers import Broker, new_broker
from testkit.servers import Valkey, registry_of_the_fault_model
from testkit.stack import Stack
from testkit.waiting import until

KINDS = ("rabbitmq", "redis")
TAKEN_EACH_S = 250
"""How many tickets a worker is given for each second of a round."""
_TIMEOUT_S = 10.0
_PREFIX, _ALONE = "bench", "alone"


@dataclass
class Side:
    """A service on one kind of broker."""

    stack: Stack
    broker: Broker
    url: str

    @property
    def queue(self) -> str:
        """The queue of its model."""
        return queue_name("inference", self.stack.model)

    def submissions(self, seconds: float) -> float:
        """Submissions a second with nobody to work them off."""
        per_s = float(load(f"{self.url}/predict/async/", seconds, CALLERS)["per_s"])
        self.broker.purge(self.queue)
        self.stack.valkey.flush()
        return per_s

    def round_trip_ms(self, seconds: float) -> float:
        """How long one caller waits for a result at p50, on a system that does nothing else."""
        return float(load(f"{self.url}/predict/", seconds, 1)["p50_ms"])

    def published(self, seconds: float, at_once: int) -> float:
        """Tickets a second of a gateway's publisher alone, `at_once` in each call."""
        per_s = uvloop.run(_published(self.broker.url(), seconds, at_once))
        self.broker.delete(queue_name(_PREFIX, _ALONE))
        return per_s

    def taken(self, seconds: float) -> float:
        """Tickets a second that a worker takes while none of them brings work."""
        started = time.perf_counter()
        count = uvloop.run(_publish(self.broker.url(), self.stack.model, seconds))
        until(
            lambda: self.broker.depth(self.queue) == 0, "the tickets to be taken", 120, step_s=0.05
        )
        return count / (time.perf_counter() - started)


async def _published(url: str, seconds: float, at_once: int) -> float:
    publisher = ticket_publisher(url, _PREFIX, _TIMEOUT_S)
    await publisher.publish(_ALONE, at_once)  # it connects and declares the queue
    count, started = 0, time.perf_counter()
    while (took := time.perf_counter() - started) < seconds:
        await publisher.publish(_ALONE, at_once)
        count += at_once
    await publisher.close()
    return count / took


async def _publish(url: str, model: str, seconds: float) -> int:
    """Publishes a round's tickets for a worker; returns how many."""
    publisher = ticket_publisher(url, "inference", _TIMEOUT_S)
    rounds = max(1, round(TAKEN_EACH_S * seconds / MOST_AT_ONCE))
    for _ in range(rounds):
        await publisher.publish(model, MOST_AT_ONCE)
    await publisher.close()
    return rounds * MOST_AT_ONCE


@contextmanager
def sides(folder: Path, start: Start) -> Iterator[dict[str, Side]]:
    """Starts all but the workers."""
    with ExitStack() as stack:
        mlflow_url = stack.enter_context(
            registry_of_the_fault_model(folder / "mlflow", start.registry)
        )
        yield {kind: _side(kind, folder / kind, mlflow_url, stack, start) for kind in KINDS}


def _side(kind: str, folder: Path, mlflow_url: str, stack: ExitStack, start: Start) -> Side:
    store, broker = Valkey(folder / "store"), new_broker(kind, folder / "broker")
    stack.callback(store.kill)
    stack.callback(broker.stop)
    store.start()
    broker.start()
    env = {"BROKER_URL": broker.url()}
    service = Stack(folder, store, mlflow_url, "fault", env, preloaded=start.preloaded)
    stack.callback(service.stop)
    return Side(service, broker, service.add_gateway().url)


def measure(at: dict[str, Side], seconds: float, rounds: int) -> ROWS:
    """A row for each question; the brokers take turns."""

    def each(ask: Callable[[Side], float]) -> dict[str, list[float]]:
        turns = [{kind: ask(side) for kind, side in at.items()} for _ in range(rounds)]
        return {kind: [turn[kind] for turn in turns] for kind in at}

    def row(what: str, unit: str, ask: Callable[[Side], float]) -> tuple[str, str, str]:
        seen = each(ask)
        theirs, ours = (median(seen[kind]) for kind in KINDS)
        digits = 1 if unit == "ms" else 0
        said = f"RabbitMQ {theirs:.{digits}f}, Redis {ours:.{digits}f} {unit}"
        return what, ratios(seen["rabbitmq"], seen["redis"]), said

    rows = [
        row(f"submissions, {CALLERS} callers", "a second", lambda side: side.submissions(seconds)),
        row(
            f"tickets published, {MOST_AT_ONCE} at once",
            "a second",
            lambda side: side.published(seconds, MOST_AT_ONCE),
        ),
        row(
            "tickets published, one after the other",
            "a second",
            lambda side: side.published(seconds, 1),
        ),
    ]
    for side in at.values():
        side.stack.add_worker()
    return [
        *rows,
        row("tickets taken by a worker", "a second", lambda side: side.taken(seconds)),
        row("round trip at p50, idle system", "ms", lambda side: side.round_trip_ms(seconds)),
    ]


def main(arguments: Sequence[str] | None = None) -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(prog="python -m bench.brokers", description=__doc__)
    parser.add_argument("--seconds", type=float, default=4.0, help="length of one round")
    parser.add_argument("--rounds", type=int, default=3, help="rounds of each measurement")
    parser.add_argument(
        "--write", action="store_true", help="write the section of bench/RESULTS.md"
    )
    add_quick(parser)
    options = parser.parse_args(arguments)
    programs = rabbitmq.installed()
    if programs is None:
        raise SystemExit(f"bench.brokers needs RabbitMQ: apt install {rabbitmq.PACKAGE}")
    busy = os.getloadavg()[0]
    with (
        tempfile.TemporaryDirectory(prefix="bench-brokers-") as folder,
        sides(Path(folder), start_of(options)) as at,
    ):
        rows = measure(at, options.seconds, options.rounds)
    version = programs.parent.name.removeprefix("rabbitmq_server-")
    said = (
        f"RabbitMQ {version} on one core, quorum queues; each broker with a store, a gateway and a"
        f" worker of its own; load average {busy:.1f} before; medians of {options.rounds} rounds of"
        f" {options.seconds:g} s, their range in brackets."
    )
    columns = ("what", "RabbitMQ ÷ Redis", "each")
    text = section("## Brokers beside each other", said, rows, columns)
    print(text)
    if options.write:
        put(text)


if __name__ == "__main__":
    main()
