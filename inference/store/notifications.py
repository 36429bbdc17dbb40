"""Tells a gateway that a record it waits for has moved (protocol rule 7), whatever the store is.

A move announces the record's id, its sequence number and its new state, as text with spaces between
them, to each of the record's listeners. Never a result: the record is read for that. A listener is
named by its channel.
"""

from typing import Protocol


class Listener(Protocol):
    """Who is told."""

    async def on_subscribed(self) -> None:
        """The subscription stands, at first or again: what was announced before may be lost.

        May raise `StoreUnavailable`.
        """

    def on_message(self, message: str) -> None:
        """A move was announced."""

    def on_lost(self, reason: str) -> None:
        """The subscription is gone; a new one will be tried."""


class Notifications(Protocol):
    """One gateway's subscription."""

    @property
    def channel(self) -> str:
        """The name under which this gateway listens, no other's."""

    async def listen(self, listener: Listener) -> None:
        """Holds the subscription for ever.

        It reconnects, and subscribes again when `on_subscribed` raised `StoreUnavailable`.
        """

    async def close(self) -> None:
        """Gives its connection back."""
