"""The broker as a gateway sees it."""

from typing import Protocol


class TicketPublisher(Protocol):
    """Publishes tickets, on an event loop. A worker has Celery's own producer for that."""

    async def publish(self, model: str, count: int) -> None:
        """Puts `count` tickets into a model's queue, all or none. Raises `BrokerUnavailable`."""

    async def ping(self) -> None:
        """Raises `BrokerUnavailable` for a broker that does not answer."""

    async def close(self) -> None:
        """Gives its connections back."""
