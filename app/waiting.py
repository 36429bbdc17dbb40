"""Waiting for results without a thread, a poll or a subscription per caller (protocol rule 7).

A gateway has one channel. A record that is waited for has the channel among its listeners, so its moves are announced there, as
`id sequence state` and never with a result. Announcements get lost when the connection does; so whenever the subscription is
confirmed, also after a reconnect, everything waited for is watched again, and every wait reads its record now and then.

`Waits` is the bookkeeping, without input or output, so that a state machine can drive it; `Waiting` does the rest.
"""

import asyncio
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

import redis.asyncio as redis
import structlog
from redis.exceptions import RedisError

from app.contract.errors import StoreUnavailable, first_line
from app.contract.gaps import Gap, reach
from app.contract.record import Record
from app.contract.states import FINAL
from app.contract.store import GatewayStore

log = structlog.get_logger()
RECONNECT_AFTER_S = 0.1
SILENCE_S = 5.0
_FINAL_WORDS = frozenset(state.value for state in FINAL)


@dataclass(slots=True)
class _Wait:
    """One id: the last sequence number known, and the events of those who wait for it."""

    sequence: int = 0
    events: list[asyncio.Event] = field(default_factory=list)

    def wake(self) -> None:
        for event in self.events:
            event.set()


class Waits:
    """Which ids are waited for, and what news of them is worth a look at the record."""

    def __init__(self) -> None:
        self._waits: dict[str, _Wait] = {}

    @contextmanager
    def of(self, task_id: str) -> Iterator[asyncio.Event]:
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
        """Takes an announcement; one that is no newer than what is known is ignored."""
        task_id, sequence, state = message.split(" ")
        wait = self._waits.get(task_id)
        if wait is None or int(sequence) <= wait.sequence:
            return
        wait.sequence = int(sequence)
        if state in _FINAL_WORDS:
            wait.wake()

    def saw(self, task_id: str, record: Record | None) -> None:
        """Takes what the record says now: it sets the sequence number, also back (the store may have lost its last second)."""
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


class Waiting:
    """The one subscription of a gateway, and the waits on it."""

    def __init__(self, client: redis.Redis, store: GatewayStore, key_prefix: str, reread_s: float) -> None:
        self.channel = f"{key_prefix}:gateway:{secrets.token_hex(8)}"
        self.waits = Waits()
        self.stopping = False
        self._client = client
        self._store = store
        self._reread_s = reread_s

    async def until_final(self, task_id: str, event: asyncio.Event, deadline: float) -> Record | None:
        """Returns the record when it has ended, or as it stands at the deadline (the event loop's time); None when it is gone.

        To be called inside `waits.of(task_id)`, which gave the event.
        """
        loop = asyncio.get_running_loop()
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout_at(min(deadline, loop.time() + self._reread_s)):
                    await event.wait()
            event.clear()
            reach(Gap.NEWS_HEARD)
            over = self.stopping or loop.time() >= deadline
            try:
                record = await self._store.watch(task_id, self.channel)
            except StoreUnavailable:
                if over:
                    raise
                continue
            self.waits.saw(task_id, record)
            if over or record is None or record.final:
                reach(Gap.END_READ)
                return record

    def stop(self) -> None:
        """Ends all waits, and any that comes: the gateway is about to end."""
        self.stopping = True
        reach(Gap.STOPPING)
        self.waits.wake_all()

    async def run(self) -> None:
        """Holds the subscription for ever."""
        while True:
            try:
                async with self._client.pubsub() as pubsub:
                    await pubsub.subscribe(self.channel)
                    await self._listen(pubsub)
            except (RedisError, OSError, StoreUnavailable) as error:
                log.warning("waiting.unsubscribed", reason=first_line(error), waiting=len(self.waits.ids))
            await asyncio.sleep(RECONNECT_AFTER_S)

    async def _listen(self, pubsub: redis.client.PubSub) -> None:
        """A connection that is silent for long must answer a ping, else it is taken for dead."""
        asked = False
        while True:
            message = await pubsub.get_message(timeout=SILENCE_S)
            if message is None and asked:
                raise ConnectionError("the subscription's connection is silent")
            if message is None:
                await pubsub.ping()
            elif message["type"] == "message":
                self.waits.hear(message["data"].decode())
            elif message["type"] == "subscribe":
                await self._catch_up()
            asked = message is None

    async def _catch_up(self) -> None:
        reach(Gap.SUBSCRIBED)
        ids = self.waits.ids
        records = await asyncio.gather(*(self._store.watch(task_id, self.channel) for task_id in ids))
        for task_id, record in zip(ids, records, strict=True):
            self.waits.saw(task_id, record)
