"""A broker as a test handles it, whichever it is."""

import signal
from pathlib import Path
from typing import Protocol

import redis

from testkit.rabbitmq import RabbitMQ
from testkit.servers import Valkey


class Broker(Protocol):
    """A server that carries tickets."""

    port: int

    def url(self) -> str:
        """Returns what BROKER_URL says."""

    def start(self) -> None:
        """Starts it, or starts it again on the same files."""

    def kill(self) -> None:
        """Kills it."""

    def stop(self) -> None:
        """Kills it, for good."""

    def signal(self, number: signal.Signals) -> None:
        """SIGSTOP freezes it, SIGCONT lets it go on."""

    def died(self) -> bool:
        """Whether it ended and nobody started it again."""

    def depth(self, queue: str) -> int:
        """Returns how many messages wait in a queue; 0 where there is none."""

    def delete(self, queue: str) -> bool:
        """Deletes a queue with all that waits in it; returns whether something did."""

    def purge(self, queue: str) -> int:
        """Takes out all that waits in a queue; returns how much that was, or 1 for something."""

    def double(self, queue: str) -> None:
        """Puts each message that waits there once more."""

    def consumers(self, queue: str) -> int:
        """Returns how many workers wait for messages of a queue."""


class ValkeyBroker(Valkey):
    """A Valkey of the broker's own."""

    def depth(self, queue: str) -> int:
        with redis.Redis(port=self.port) as admin:
            return int(admin.llen(queue))

    def delete(self, queue: str) -> bool:
        with redis.Redis(port=self.port) as admin:
            return bool(admin.delete(queue))

    def purge(self, queue: str) -> int:
        return int(self.delete(queue))

    def double(self, queue: str) -> None:
        with redis.Redis(port=self.port) as admin:
            admin.rpush(queue, *admin.lrange(queue, 0, -1))

    def consumers(self, queue: str) -> int:
        del queue  # a server of a test's own has one
        with redis.Redis(port=self.port) as admin:
            return sum(client["cmd"] == "brpop" for client in admin.client_list())


def new_broker(kind: str, folder: Path) -> Broker:
    """Makes a broker that is not started yet; `kind` is redis or rabbitmq."""
    return RabbitMQ(folder) if kind == "rabbitmq" else ValkeyBroker(folder)
