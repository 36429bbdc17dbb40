"""Waiting for results without a thread, a poll or a subscription per caller (protocol rule 7).

A gateway has one channel. A record that is waited for has the channel among its listeners, so its
moves are announced there, as `id sequence state` and never with a result. Announcements get lost
when the connection does; so whenever the subscription is confirmed, also after a reconnect,
everything waited for is watched again, and every wait reads its record now and then.

`Waiters` is the bookkeeping, without input or output, so that a state machine can drive it;
`ResultWaiter` does the rest. The subscription itself is the store's, see `Notifications`.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

import structlog

from inference.errors import StoreUnavailable
from inference.failpoints import Failpoint, failpoint
from inference.records import Record
from inference.states import FINAL
from inference.store.notifications import Notifications
from inference.store.protocols import GatewayStore

log = structlog.get_logger()
_FINAL_WORDS = frozenset(state.value for state in FINAL)


@dataclass(slots=True)
class _Wait:
    """One id: the last sequence number known, and the events of those who wait for it."""

    sequence: int = 0
    events: list[asyncio.Event] = field(default_factory=list)

    def wake(self) -> None:
        for event in self.events:
            event.set()


class Waiters:
    """Which ids are waited for, and what news of them is worth a look at the record."""

    def __init__(self) -> None:
        self._waits: dict[str, _Wait] = {}

    @contextmanager
    def register(self, task_id: str) -> Iterator[asyncio.Event]:
        """Waits for an id while inside; the event is set when the record should be read."""
        wait = self._waits.setdefault(task_id, _Wait())
        event = asyncio.Event()
        wait.events.append(event)
        try:
            yield event
        finally:
            wait.events.remove(event)
            if not wait.events and self._waits.get(task_id) is wait:
                del self._waits[task_id]

    @property
    def ids(self) -> tuple[str, ...]:
        """All that is waited for."""
        return tuple(self._waits)

    def hear(self, message: str) -> None:
        """Takes an announcement; one that is no newer than what is known is ignored.

        A newer program may add words at its end.
        """
        task_id, sequence, state, *_ = message.split(" ")
        wait = self._waits.get(task_id)
        if wait is None or int(sequence) <= wait.sequence:
            return
        wait.sequence = int(sequence)
        if state in _FINAL_WORDS:
            wait.wake()

    def saw(self, task_id: str, record: Record | None) -> None:
        """Takes what the record says now.

        It sets the sequence number, also back: the store may have lost its last second.
        """
        wait = self._waits.get(task_id)
        if wait is None:
            return
        wait.sequence = 0 if record is None else record.sequence
        if record is None or record.final:
            wait.wake()

    def wake_all(self) -> None:
        """Has everyone look."""
        for wait in self._waits.values():
            wait.wake()


class ResultWaiter:
    """The waits on a gateway's one subscription, whose `Listener` it is."""

    def __init__(self, notifications: Notifications, store: GatewayStore, reread_s: float) -> None:
        self.waiters = Waiters()
        self.stopping = False
        self._notifications = notifications
        self._store = store
        self._reread_s = reread_s

    @property
    def channel(self) -> str:
        """Where moves are announced to this gateway."""
        return self._notifications.channel

    async def until_final(
        self, task_id: str, event: asyncio.Event, deadline: float
    ) -> Record | None:
        """Returns the record when it has ended, or as it stands at the deadline.

        The deadline is a time of the event loop. None when the record is gone.

        To be called inside `waiters.register(task_id)`, which gave the event.
        """
        loop = asyncio.get_running_loop()
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout_at(min(deadline, loop.time() + self._reread_s)):
                    await event.wait()
            event.clear()
            failpoint(Failpoint.NEWS_HEARD)
            over = self.stopping or loop.time() >= deadline
            try:
                record = await self._store.watch(task_id, self.channel)
            except StoreUnavailable:
                if over:
                    raise
                continue
            self.waiters.saw(task_id, record)
            if over or record is None or record.final:
                failpoint(Failpoint.END_READ)
                return record

    def stop(self) -> None:
        """Ends all waits, and any that comes: the gateway is about to end."""
        self.stopping = True
        failpoint(Failpoint.STOPPING)
        self.waiters.wake_all()

    async def run(self) -> None:
        """Holds the subscription for ever."""
        await self._notifications.listen(self)

    async def on_subscribed(self) -> None:
        """Watches all that is waited for.

        What was announced before the subscription stood is lost.
        """
        failpoint(Failpoint.SUBSCRIBED)
        ids = self.waiters.ids
        records = await asyncio.gather(
            *(self._store.watch(task_id, self.channel) for task_id in ids)
        )
        for task_id, record in zip(ids, records, strict=True):
            self.waiters.saw(task_id, record)

    def on_message(self, message: str) -> None:
        self.waiters.hear(message)

    def on_lost(self, reason: str) -> None:
        log.warning("waiting.unsubscribed", reason=reason, waiting=len(self.waiters.ids))
