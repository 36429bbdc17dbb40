"""Tickets on RabbitMQ: quorum queues, and every message confirmed by the broker.

Celery's own producer would block the gateway's event loop.
"""

import asyncio
import logging
import ssl
import uuid
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any

import aio_pika
from aio_pika.abc import AbstractChannel, AbstractConnection
from aiormq.exceptions import (
    AMQPConnectionError,
    AMQPError,
    ChannelAccessRefused,
    ChannelPreconditionFailed,
    ConnectionNotAllowed,
    IncompatibleProtocolError,
    InvalidFrameError,
    ProbableAuthenticationError,
)
from pamqp.exceptions import PAMQPException

from inference.broker import rabbitmq_refusals as refusals
from inference.broker.celery_config import queue_name
from inference.broker.rabbitmq_address import RabbitAddress
from inference.broker.rabbitmq_broker import HEARTBEAT_S, QUEUE_ARGUMENTS
from inference.broker.ticket import BODY, CONTENT_ENCODING, CONTENT_TYPE, ticket_headers
from inference.errors import BrokerUnavailable, Misconfigured, first_line

_CLOSING_S = 1.0
_BLOCKED = "RabbitMQ takes no messages for now: it has an alarm of its memory or disk"

# Each failure is raised as well, and an outage would log a line for every try.
for _name in ("aiormq", "aio_pika"):
    logging.getLogger(_name).setLevel(logging.CRITICAL)


class RabbitTicketPublisher:
    """See `TicketPublisher`. One connection and one channel, made anew after they broke."""

    def __init__(self, address: RabbitAddress, key_prefix: str, timeout_s: float) -> None:
        self._address = address
        self._key_prefix = key_prefix
        self._timeout_s = timeout_s
        if address.tls:
            address.tls.context()  # raises for files that can't be used
        self._next_host = 0
        self._connecting = asyncio.Lock()
        self._connection: AbstractConnection | None = None
        self._channel: AbstractChannel | None = None
        self._declared: set[str] = set()
        self._closing: set[asyncio.Task[None]] = set()

    async def publish(self, model: str, count: int) -> None:
        queue = queue_name(self._key_prefix, model)
        try:
            await self._answered(self._publish(queue, count))
        except Misconfigured as error:  # it was right at start; it may be mended meanwhile
            raise BrokerUnavailable(str(error)) from error

    async def check(self, models: tuple[str, ...]) -> None:
        await self._answered(self._declare_all(models))

    async def close(self) -> None:
        self._drop()
        if self._closing:
            await asyncio.wait(self._closing)

    async def _answered(self, work: Coroutine[Any, Any, None]) -> None:
        """Does `work` in time. Raises `BrokerUnavailable`, or `Misconfigured` where it can't help.

        After a failure the next one connects anew.
        """
        connecting = self._connection is None
        try:
            async with asyncio.timeout(self._timeout_s):
                await work
        except aio_pika.exceptions.DeliveryError as error:
            raise BrokerUnavailable(f"RabbitMQ did not take a ticket: {error}") from error
        except TimeoutError as error:
            if await self._is_blocked():
                raise BrokerUnavailable(_BLOCKED) from error
            self._drop()
            reason = f"RabbitMQ did not answer within {self._timeout_s:g} s"
            hint = refusals.hint(self._address, reason) if connecting else ""
            raise BrokerUnavailable(reason + hint) from error
        except (AMQPError, PAMQPException, OSError) as error:
            self._drop()
            if sentence := _refusal(error, self._address):
                raise Misconfigured(sentence) from error
            reason = first_line(error)
            hint = refusals.hint(self._address, reason) if connecting else ""
            raise BrokerUnavailable(reason + hint) from error

    async def _is_blocked(self) -> bool:
        """Whether the broker said that it takes no messages for now."""
        try:
            async with asyncio.timeout(0.01):
                await self._unblocked()
        except TimeoutError:
            return True
        return False

    async def _unblocked(self) -> None:
        """Returns when the broker takes messages, as far as it said."""
        connection = self._connection
        if connection is not None and connection.transport is not None and not connection.is_closed:
            await connection.transport.connection.ready()

    async def _declare_all(self, models: tuple[str, ...]) -> None:
        channel = await self._open()
        for model in models:
            await self._declare(channel, queue_name(self._key_prefix, model))

    async def _publish(self, queue: str, count: int) -> None:
        channel = await self._open()
        while True:
            may_be_deleted = queue in self._declared
            await self._declare(channel, queue)
            exchange = channel.default_exchange
            try:
                await asyncio.gather(
                    *(exchange.publish(_ticket(), queue, mandatory=True) for _ in range(count))
                )
                return
            except aio_pika.exceptions.DeliveryError:
                self._declared.discard(queue)
                if not may_be_deleted:
                    raise

    async def _declare(self, channel: AbstractChannel, queue: str) -> None:
        if queue not in self._declared:
            await channel.declare_queue(queue, durable=True, arguments=QUEUE_ARGUMENTS)
            self._declared.add(queue)

    async def _open(self) -> AbstractChannel:
        """Returns the channel, of a new connection where there is none that lives.

        Waits while the broker blocks its publishers.
        """
        async with self._connecting:
            if self._channel is None or self._channel.is_closed:
                self._drop()
                self._connection = await self._connect()
                self._channel = await self._connection.channel(on_return_raises=True)
            await self._unblocked()
            return self._channel

    async def _connect(self) -> AbstractConnection:
        """Connects to the first host that answers, beginning with the one after the last tried.

        It reads the certificates each time, so that they can be renewed in place.
        """
        own, tries = self._address, len(self._address.hosts)
        # On a thread: the machine's authorities take a tenth of a second to read.
        context = await asyncio.to_thread(own.tls.context) if own.tls else None
        for left in reversed(range(tries)):
            host, port = own.hosts[self._next_host]
            try:
                async with asyncio.timeout(self._timeout_s / tries):
                    return await aio_pika.connect(
                        host=host,
                        port=port,
                        login=own.user,
                        password=own.password,
                        virtualhost=own.virtual_host,
                        ssl=context is not None,
                        ssl_context=context,
                        heartbeat=HEARTBEAT_S,
                        client_properties={"connection_name": "inference gateway"},
                    )
            except (AMQPError, OSError) as error:
                self._next_host = (self._next_host + 1) % tries
                if not left or isinstance(error, ProbableAuthenticationError):
                    raise
        raise AssertionError("a broker has a host")

    def _drop(self) -> None:
        """Forgets the connection; it is closed behind the caller's back."""
        if self._connection is not None:
            task = asyncio.create_task(_close(self._connection))
            self._closing.add(task)
            task.add_done_callback(self._closing.discard)
        self._connection = self._channel = None
        self._declared.clear()


async def _close(connection: AbstractConnection) -> None:
    with suppress(Exception):  # it is lost already, or stands still
        async with asyncio.timeout(_CLOSING_S):
            await connection.close()


def _ticket() -> aio_pika.Message:
    task_id = str(uuid.uuid4())
    return aio_pika.Message(
        BODY,
        headers=ticket_headers(task_id),
        content_type=CONTENT_TYPE,
        content_encoding=CONTENT_ENCODING,
        correlation_id=task_id,
        message_id=task_id,
        delivery_mode=aio_pika.DeliveryMode.PERSISTENT,
    )


def _refusal(error: Exception, address: RabbitAddress) -> str:
    """Returns the sentence for what trying again can't mend, or ''."""
    if isinstance(error, AMQPConnectionError) and isinstance(error.__cause__, ssl.SSLError):
        error = error.__cause__
    if isinstance(error, InvalidFrameError) and "Connection.OpenOk" in str(error):
        return refusals.virtual_host(address)  # aiormq does not pass on what the broker said
    sentences: dict[type[Exception], Callable[[], str]] = {
        ProbableAuthenticationError: lambda: refusals.login(address),
        ConnectionNotAllowed: lambda: refusals.virtual_host(address),
        IncompatibleProtocolError: lambda: refusals.protocol(address),
        ChannelPreconditionFailed: lambda: refusals.queue(first_line(error)),
        ChannelAccessRefused: lambda: refusals.rights(address, first_line(error)),
        ssl.SSLError: lambda: refusals.tls(address, error),
    }
    return next((made() for kind, made in sentences.items() if isinstance(error, kind)), "")
