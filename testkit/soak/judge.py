"""Whether what a soak left behind is what it began with: a line for each figure, with its rule."""

import os
from collections.abc import Iterator
from dataclasses import dataclass

from testkit.failpoint_hook import Role
from testkit.soak.rest import Held, Rest

MIB = 2**20
PER_PREDICTION, SLACK, STORE_SLACK = 100, 8 * MIB, MIB
"""Bytes by which a process may have grown.

They are less than the smallest thing that could be kept of each prediction (its id alone, in a set,
is some 150). They also cover the memory that an allocator keeps back from its busiest moment. A
store must be back to within its clients' buffers.
"""

POOLS = {
    "gateway": {Role.STORE: 6, Role.BROKER: 1},
    "worker": {Role.STORE: 2, Role.BROKER: 8},
    "child": {Role.STORE: 1, Role.BROKER: 4},
}
"""Connections that a process may keep, since it once needed them at one moment.

A gateway's are four lanes, a check and the subscription to the store, and a publisher to the
broker. A worker's are its parent thread's, and kombu's for the consumer and for producers on two
threads, each with a pool of its own. They are cut more often than these are many, so that one lost
at each cut shows.
"""

POLLERS = {"gateway": 0, "worker": 2, "child": 0}
"""Descriptors that come with a worker's second connection to the broker.

It is its producers' connection, which comes when they first need one; kombu makes a poller for
each. There is one such connection (`broker_pool_limit`), however often it breaks.
"""

THREADS = {"gateway": min(32, (os.cpu_count() or 1) + 4) - 1, "worker": 0, "child": 0}
"""Threads that a process may have gained.

Asyncio's executor makes one whenever all it has are busy, up to these, and keeps them. A gateway
that reads the registry and looks a host up at one moment for the first time has one more than
before.
"""

IDENTITY = "identity"
"""The key by which a store is known to the place of its payloads.

It is written once, by the first sweep, whenever that comes.
"""


@dataclass(frozen=True, slots=True)
class Line:
    """A figure at the start and at the end; `most` is what the end may be."""

    what: str
    start: int
    end: int
    most: int
    unit: str = ""

    @property
    def good(self) -> bool:
        return self.end <= self.most


def lines(start: Rest, end: Rest, predictions: int) -> Iterator[Line]:
    """Those of the processes that lived through it, then the servers'."""
    for name, before in start.processes.items():
        if "(struck)" not in name:
            yield from _process(name, before, end.processes[name], predictions)
    for role in (Role.STORE, Role.BROKER):
        theirs = sum(held.connections[role] for held in end.processes.values())
        yield Line(f"clients of the {role}", start.clients[role], end.clients[role], theirs)
        yield Line(
            f"the {role}'s memory",
            start.memory[role],
            end.memory[role],
            start.memory[role] + STORE_SLACK,
            "MiB",
        )
    for kind in sorted(start.keys | end.keys):
        most = max(start.keys.get(kind, 0), int(kind == IDENTITY))
        yield Line(f"keys: {kind}", start.keys.get(kind, 0), end.keys.get(kind, 0), most)


def _process(name: str, before: Held, after: Held, predictions: int) -> Iterator[Line]:
    kind = "child" if "child" in name else name.partition("-")[0]
    pool, descriptors = POOLS[kind], before.descriptors + POLLERS[kind]
    grown = SLACK + PER_PREDICTION * predictions
    yield Line(f"{name}: resident memory", before.rss, after.rss, before.rss + grown, "MiB")
    yield Line(f"{name}: proportional memory", before.pss, after.pss, before.pss + grown, "MiB")
    yield Line(f"{name}: threads", before.threads, after.threads, before.threads + THREADS[kind])
    yield Line(
        f"{name}: descriptors but sockets", before.descriptors, after.descriptors, descriptors
    )
    for role, count in after.connections.items():
        yield Line(
            f"{name}: connections to the {role}",
            before.connections[role],
            count,
            max(before.connections[role], pool[role]),
        )
