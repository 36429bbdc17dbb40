"""What goes wrong during the soak, and when: drawn from a seed, each kind as often as any other."""

import signal
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from random import Random
from threading import Event

import redis

from testkit.failpoint_hook import Role
from testkit.kill_matrix.stand import KEYS, LEASE_S, QUEUE, Stand, pause, send
from testkit.soak.load import hang_up
from testkit.stack import Process

APART_S = (5.0, 8.0)
FROZEN_S = 3.0
CALLERS = 20


class Fault(StrEnum):
    """The processes struck are the second gateway and the second worker."""

    CHILD = "worker's child killed"
    PARENT = "worker's parent killed"
    GATEWAY = "gateway killed"
    STORE = "store killed"
    BROKER = "broker killed"
    WORKER_STOPS = "worker stopped for longer than a lease"
    GATEWAY_STOPS = "gateway stopped for 3 s"
    STORE_STOPS = "store stopped for 3 s"
    TICKETS = "tickets deleted"
    SUBSCRIPTIONS = "subscriptions killed"
    CONNECTIONS = "all connections to store and broker cut"
    CALLERS = "callers cut off"


def schedule(seconds: float, random: Random) -> list[tuple[float, Fault]]:
    """When, counted from the start, and what: all kinds in a drawn order, and again."""
    planned: list[tuple[float, Fault]] = []
    at, left = 0.0, list[Fault]()
    while (at := at + random.uniform(*APART_S)) < seconds:
        left = left or random.sample(list(Fault), len(Fault))
        planned.append((at, left.pop()))
    return planned


@dataclass
class Faults:
    """Strikes by the schedule; `struck` counts the strikes that were made.

    A process that was not up yet again is not struck.
    """

    stand: Stand
    struck: Counter[Fault] = field(default_factory=Counter)

    def run(self, plan: list[tuple[float, Fault]], seconds: float) -> None:
        """Takes so many seconds."""
        start, never = time.monotonic(), Event()
        for at, fault in plan:
            never.wait(max(0.0, start + at - time.monotonic()))
            try:
                self.struck[fault] += self._strike(fault)
            except (redis.RedisError, OSError):
                continue
        never.wait(max(0.0, start + seconds - time.monotonic()))

    def _strike(self, fault: Fault) -> bool:
        gateway, worker = self.stand.stack.gateways[1], self.stand.stack.workers[1]
        child = worker.model_process()
        acts: dict[Fault, Callable[[], bool]] = {
            Fault.CHILD: lambda: self._to([child], signal.SIGKILL),
            Fault.PARENT: lambda: self._to([worker.pid], signal.SIGKILL),
            Fault.GATEWAY: lambda: self._to([gateway.pid], signal.SIGKILL),
            Fault.STORE: lambda: self._valkey(Role.STORE, signal.SIGKILL),
            Fault.BROKER: lambda: self._valkey(Role.BROKER, signal.SIGKILL),
            Fault.WORKER_STOPS: lambda: self._stop([child, worker.pid], LEASE_S + 1),
            Fault.GATEWAY_STOPS: lambda: self._stop([gateway.pid], FROZEN_S),
            Fault.STORE_STOPS: self._freeze,
            Fault.TICKETS: self._lose_tickets,
            Fault.SUBSCRIPTIONS: lambda: bool(self.stand.store.client_kill_filter(_type="pubsub")),
            Fault.CONNECTIONS: self._cut,
            Fault.CALLERS: self._hang_up,
        }
        return acts[fault]()

    def _to(self, pids: list[int], number: signal.Signals) -> bool:
        for pid in filter(None, pids):
            send(pid, number)
        return all(pids)

    def _stop(self, pids: list[int], seconds: float) -> bool:
        done = self._to(pids, signal.SIGSTOP)
        pause(seconds)
        return self._to(pids, signal.SIGCONT) and done

    def _valkey(self, role: Role, number: signal.Signals) -> bool:
        self.stand.servers[role].signal(number)
        return True

    def _freeze(self) -> bool:
        self._valkey(Role.STORE, signal.SIGSTOP)
        pause(FROZEN_S)
        return self._valkey(Role.STORE, signal.SIGCONT)

    def _lose_tickets(self) -> bool:
        """All, and enough tickets are believed to be in flight."""
        self.stand.store.hset(f"{KEYS}:meta", "tickets", 1000)
        self.stand.broker_keys.delete(QUEUE)
        return True

    def _cut(self) -> bool:
        for server in (self.stand.store, self.stand.broker_keys):
            server.client_kill_filter(skipme=True)
        return True

    def _hang_up(self) -> bool:
        for gateway in self.stand.stack.gateways:
            hang_up(gateway.url, CALLERS)
        return True


def unstruck(stand: Stand) -> tuple[Process, Process]:
    """The gateway and the worker that live through all of it."""
    return stand.stack.gateways[0], stand.stack.workers[0]
