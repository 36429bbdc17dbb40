"""What the scripts publish, heard over one connection (see `Notifications`)."""

import asyncio

import redis.asyncio as redis
from redis.exceptions import RedisError

from inference.errors import StoreUnavailable
from inference.store.notifications import Listener

RECONNECT_AFTER_S = 0.1
SILENCE_S = 5.0


class RedisNotifications:
    """See `Notifications`. The client is its own, since a subscription holds a connection."""

    def __init__(self, client: redis.Redis, channel: str) -> None:
        self._client = client
        self._channel = channel

    @property
    def channel(self) -> str:
        return self._channel

    async def listen(self, listener: Listener) -> None:
        while True:
            try:
                async with self._client.pubsub() as pubsub:
                    await pubsub.subscribe(self._channel)
                    await self._pass_on(pubsub, listener)
            except (RedisError, OSError, StoreUnavailable) as error:
                listener.on_lost(str(error) or type(error).__name__)
            await asyncio.sleep(RECONNECT_AFTER_S)

    async def _pass_on(self, pubsub: redis.client.PubSub, listener: Listener) -> None:
        """Passes messages to the listener until the connection is lost, and raises then.

        A connection that is silent for long must answer a ping, else it is taken for dead. The
        client library may reconnect by itself. It subscribes again then, and the server confirms
        that again.
        """
        asked = False
        while True:
            message = await pubsub.get_message(timeout=SILENCE_S)
            if message is None and asked:
                raise ConnectionError("the subscription's connection is silent")
            if message is None:
                await pubsub.ping()
            elif message["type"] == "message":
                listener.on_message(message["data"].decode())
            elif message["type"] == "subscribe":
                await listener.on_subscribed()
            asked = message is None

    async def close(self) -> None:
        await self._client.aclose()
