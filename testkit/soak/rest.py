"""Measures what the service holds when it has nothing to do and all has expired.

That is the moment at which two measures can be compared.
"""

import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import redis

from testkit.failpoint_hook import Role
from testkit.kill_matrix.stand import KEYS, QUEUE, Stand
from testkit.soak.faults import unstruck
from testkit.waiting import until

HOUR_S = 3600
PATIENCE_S = 180.0
PASSING = {
    "record",
    "join",
    "idem",
    "idems",
    "waiting",
    "running",
    "retry",
    "outstanding",
    "suspects",
    "starts_by",
    "ended",
    "dead",
    "tombs",
}
"""The kinds of keys that a prediction has; none may be left of any."""
SITE = "inference"
"""What the keys that are no model's begin with."""
CLAIMS, UNACKED = "claim", f"{QUEUE}.unacked"


@dataclass
class Held:
    """What one process holds.

    Connections by the server at their other end; `descriptors` are all that are no sockets.
    """

    rss: int
    pss: int
    threads: int
    descriptors: int
    connections: dict[Role, int]


@dataclass
class Rest:
    """One measure.

    `claims` and `unacked` are what goes by itself within an hour: they were counted, looked at and
    removed.
    """

    processes: dict[str, Held]
    keys: dict[str, int]
    clients: dict[Role, int]
    memory: dict[Role, int]
    outstanding: int
    expired_s: float
    claims: int
    unacked: int
    trouble: list[str] = field(default_factory=list)


def come_to_rest(stand: Stand) -> Rest:
    """Waits until all has expired and every caller's connection is closed, and measures.

    Fails when that does not come.
    """
    start, trouble = time.monotonic(), list[str]()
    until(lambda: stand.outstanding() == 0, "nothing to be outstanding", PATIENCE_S, step_s=0.2)
    stand.whole()
    until(
        lambda: not PASSING & kinds(stand.store).keys(),
        "every record to expire",
        PATIENCE_S,
        step_s=0.5,
    )
    expired_s = time.monotonic() - start
    until(
        lambda: not stand.broker_keys.llen(QUEUE),
        "stale tickets to be taken",
        PATIENCE_S,
        step_s=0.2,
    )
    claims, unacked = _drop_claims(stand.store, trouble), _drop_unacked(stand.broker_keys)
    until(
        lambda: not any(map(_called, stand.processes)),
        "callers' connections to close",
        PATIENCE_S,
        step_s=0.5,
    )
    servers = {Role.STORE: stand.store, Role.BROKER: stand.broker_keys}
    return Rest(
        processes={name: hold(stand, pid) for name, pid in _living(stand)},
        keys=dict(
            kinds(stand.store) + Counter({f"broker: {key}": 1 for key in _names(stand.broker_keys)})
        ),
        clients={
            role: _clients(server, stand.servers[role].port) for role, server in servers.items()
        },
        memory={role: _memory(server) for role, server in servers.items()},
        outstanding=max(queue["outstanding"] for queue in stand.queues()),
        expired_s=expired_s,
        claims=claims,
        unacked=unacked,
        trouble=trouble,
    )


def _names(server: "redis.Redis") -> list[str]:
    return [
        key.decode() if isinstance(key, bytes) else str(key) for key in server.scan_iter(count=1000)
    ]


def kinds(store: "redis.Redis") -> Counter[str]:
    """How many keys the store has of each kind, the model's own and the installation's."""
    return Counter(
        key.removeprefix(f"{KEYS}:").removeprefix(f"{SITE}:").split(":")[0] for key in _names(store)
    )


def _drop_claims(store: "redis.Redis", trouble: list[str]) -> int:
    """Drops the memory of claims, which goes an hour after a claim's last word.

    Nobody waits for that, but each must have its time.
    """
    claims = [key for key in _names(store) if key.startswith(f"{KEYS}:{CLAIMS}:")]
    for key in claims:
        if not 0 < store.ttl(key) <= HOUR_S:
            trouble.append(f"never expires: {key}")
        store.delete(key)
    return len(claims)


def _drop_unacked(broker: "redis.Redis") -> int:
    """Drops the tickets that a worker held when it was killed.

    Kombu gives them back after its visibility time-out, an hour.
    """
    held = int(broker.hlen(UNACKED))
    broker.delete(UNACKED, f"{UNACKED}_index", f"{UNACKED}_mutex")
    return held


def _clients(server: "redis.Redis", port: int) -> int:
    """Without this program's own."""
    clients = len(server.client_list())
    return clients - sum(
        c.raddr.port == port for c in psutil.Process().net_connections("tcp") if c.raddr
    )


def _memory(server: "redis.Redis") -> int:
    """Bytes, once nothing is being rewritten and what is free was given back."""
    until(
        lambda: not server.info("persistence")["aof_rewrite_in_progress"],
        "the log to be rewritten",
        PATIENCE_S,
        step_s=0.2,
    )
    server.memory_purge()
    return int(server.info("memory")["used_memory"])


def _living(stand: Stand) -> Iterator[tuple[str, int]]:
    """The processes that are never struck first."""
    gateway, worker = unstruck(stand)
    yield gateway.name, gateway.pid
    yield worker.name, worker.pid
    yield f"{worker.name}'s child", worker.model_process()
    for process in stand.processes:
        if process not in (gateway, worker):
            yield f"{process.name} (struck)", process.pid
    yield "child (struck)", stand.stack.workers[1].model_process()


def _ports(stand: Stand) -> dict[int, Role]:
    return {server.port: role for role, server in stand.servers.items()}


def hold(stand: Stand, pid: int) -> Held:
    """Measures one process."""
    process, ports = psutil.Process(pid), _ports(stand)
    rollup = dict(
        line.split(":", 1)
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]
    )
    files = [_target(file) for file in Path(f"/proc/{pid}/fd").iterdir()]
    ends = [
        connection.raddr.port for connection in process.net_connections("tcp") if connection.raddr
    ]
    return Held(
        rss=process.memory_info().rss,
        pss=int(rollup["Pss"].split()[0]) * 1024,
        threads=process.num_threads(),
        descriptors=sum(not target.startswith("socket:") for target in files),
        connections={role: ends.count(port) for port, role in ports.items()},
    )


def _target(file: Path) -> str:
    try:
        return str(file.readlink())
    except FileNotFoundError:
        return "socket: closed meanwhile"


def _called(process: object) -> bool:
    """Whether a caller's connection to it is open."""
    own = psutil.Process(process.pid)  # type: ignore[attr-defined]
    listening = {c.laddr.port for c in own.net_connections("tcp") if c.status == psutil.CONN_LISTEN}
    return any(c.raddr and c.laddr.port in listening for c in own.net_connections("tcp"))
