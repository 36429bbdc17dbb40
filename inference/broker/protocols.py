"""The broker as a gateway sees it."""

from typing import Protocol


class TicketPublisher(Protocol):
    """Publishes tickets, on an event loop. A worker has Celery's own producer for that."""

    async def publish(self, model: str, count: int) -> None:
        """Puts `count` tickets into a model's queue. Raises `BrokerUnavailable`.

        Some of them may be there all the same, which costs nothing (protocol rule 3).
        """

    async def check(self, models: tuple[str, ...]) -> None:
        """Asks whether the broker takes these models' tickets.

        Raises `BrokerUnavailable` for one that does not answer, `Misconfigured` for one that never
        will.
        """

    async def close(self) -> None:
        """Gives its connections back."""
