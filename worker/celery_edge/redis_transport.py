"""kombu's Redis transports, made to take tickets only.

A list may hold anybody's elements. Each is judged as it comes from the list, before kombu reads
it. One that is no ticket is gone from the list already, so there is nothing to acknowledge.
"""

import uuid
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import orjson
from kombu.transport import redis

from inference.broker.kombu_tls import (
    BlockingTlsConnection,
    SentinelManagedTlsConnection,
    ask_by_tls,
)
from inference.broker.ticket import (
    MAX_TICKET_BYTES,
    NoTicket,
    Ticket,
    read_redis_form,
    read_redis_item,
    redis_form,
)

AT_ONCE = 100
"""So many elements are dropped in one turn of the event loop, which is slow to come round."""

_DROP_WRONG_TYPES = """
local dropped = 0
for number, key in ipairs(KEYS) do
  local held = redis.call('TYPE', key).ok
  if held ~= 'none' and held ~= ARGV[number] then
    dropped = dropped + redis.call('UNLINK', key)
  end
end
return dropped
"""


class TicketQoS(redis.QoS):
    """Keeps unacknowledged tickets beside the queue, where somebody may have written too."""

    def append(self, message: Any, delivery_tag: str) -> None:
        self._with_right_types(partial(super().append, message, delivery_tag))

    def ack(self, delivery_tag: str) -> None:
        self._with_right_types(partial(super().ack, delivery_tag))

    def restore_visible(self, *args: Any, **kwargs: Any) -> None:
        self._with_right_types(partial(super().restore_visible, *args, **kwargs))

    def restore_by_tag(self, tag: Any, client: Any = None, leftmost: bool = False) -> None:
        """Puts a ticket back into its queue. kombu would raise here over and over for all else."""
        with self.channel.conn_or_acquire(client) as connected:
            entry = connected.hget(self.unacked_key, tag)
            if entry is None or _holds_a_ticket(entry):
                super().restore_by_tag(tag, connected, leftmost)  # type: ignore[no-untyped-call]
                return
            self._remove_from_indices(tag).execute()  # type: ignore[no-untyped-call]
        self.channel.connection.on_dropped(NoTicket.NOT_A_TICKET)

    def _with_right_types(self, move: Callable[[], None]) -> None:
        try:
            move()
        except self.channel.ResponseError as error:
            if not is_wrong_type(error):
                raise
            self.channel.drop_wrong_types()
            move()


class TicketChannel(redis.Channel):
    """Hands kombu tickets only, each written anew with a delivery tag of its own."""

    QoS = TicketQoS
    connection_class_ssl: type[Any] = BlockingTlsConnection

    def drop_wrong_types(self) -> None:
        """Removes keys that are no lists, or not what kombu keeps beside them.

        Every command on such a key is an error, so nothing could be taken until somebody removed
        it.
        """
        expected = {
            self._q_for_pri(queue, step): "list"  # type: ignore[no-untyped-call]
            for queue in self.active_queues
            for step in self.priority_steps
        } | {self.unacked_key: "hash", self.unacked_index_key: "zset"}
        with self.conn_or_acquire() as client:
            drop = client.register_script(_DROP_WRONG_TYPES)
            dropped = drop([*expected], [*expected.values()])
        for _ in range(dropped):
            self.connection.on_dropped(NoTicket.WRONG_TYPE)

    def _create_client(self, asynchronous: bool = False) -> Any:
        client = super()._create_client(asynchronous)  # type: ignore[no-untyped-call]
        if asynchronous:  # the one that stays, and asks for elements of the list
            client.parse_response = partial(self._parse_response, client.parse_response)
        return client

    def _parse_response(
        self, parse: Callable[..., Any], connection: Any, command: str, **options: Any
    ) -> Any:
        """Answers None where nothing is left but messages that are no tickets."""
        if command != "BRPOP":
            return parse(connection, command, **options)
        try:
            popped = parse(connection, command, **options)
            return self._first_ticket(*popped) if popped else None
        except self.ResponseError as error:
            if not is_wrong_type(error):
                raise
            self.drop_wrong_types()
            return None

    def _first_ticket(self, key: bytes, popped: bytes) -> tuple[bytes, bytes] | None:
        """Drops elements until one is a ticket."""
        for item in self._items(key, popped):
            ticket = read_redis_item(item)
            if isinstance(ticket, Ticket):
                queue = key.decode().rsplit(self.sep, 1)[0]
                form = redis_form(ticket.headers(), queue, str(uuid.uuid4()))
                return key, orjson.dumps(form)
            self.connection.on_dropped(ticket)
        return None

    def _items(self, key: bytes, popped: bytes) -> Iterator[bytes]:
        """The element that was popped, and those behind it for as long as they are wanted."""
        yield popped
        with self.conn_or_acquire() as client:
            for _ in range(AT_ONCE - 1):
                item = client.rpop(key)
                if item is None:
                    return
                yield item

    def _queue_bind(self, *_: Any) -> None:
        """Binds nothing: tickets go through the default exchange, which knows all queues."""


class TicketTransport(redis.Transport):
    """Redis and Valkey, by TCP, TLS or a socket."""

    Channel = TicketChannel

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[no-untyped-call]
        self.on_dropped: Callable[[NoTicket], None] = lambda _: None
        """Called for each message that is dropped. The consumer sets its own."""


class SentinelTicketChannel(TicketChannel, redis.SentinelChannel):
    """See `TicketChannel`."""

    connection_class_ssl = SentinelManagedTlsConnection  # type: ignore[assignment]

    def _sentinel_managed_pool(self, asynchronous: bool = False) -> Any:
        pool = super()._sentinel_managed_pool(asynchronous)  # type: ignore[no-untyped-call]
        ask_by_tls(pool.sentinel_manager)
        return pool


class SentinelTicketTransport(TicketTransport, redis.SentinelTransport):
    """Redis behind Sentinels."""

    Channel = SentinelTicketChannel


def is_wrong_type(error: Exception) -> bool:
    """Whether a key holds another type than the command wanted; a pipeline says more before."""
    return "WRONGTYPE" in str(error)


def _holds_a_ticket(entry: bytes) -> bool:
    """Whether kombu can put it back: a message, its exchange and its queue."""
    if len(entry) > 2 * MAX_TICKET_BYTES:
        return False
    try:
        content = orjson.loads(entry)
    except ValueError:
        return False
    match content:
        case [message, "", str()]:
            return not isinstance(read_redis_form(message), NoTicket)
        case _:
            return False
