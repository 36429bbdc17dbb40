"""Calls the store's scripts for a gateway, many calls in one pipeline.

Commands made in the same moment travel together, and share one sync of the disk.

A handful of lanes, each a connection with one pipeline in flight, take the calls. A call takes the
first free lane, else it waits for the next pipeline. That makes submissions cheap: a call in a
pipeline of 50 costs a quarter of one alone (docs/facts/celery.md).
"""

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from typing import Any, TypeVar, cast
from uuid import uuid4

import redis.asyncio as redis
import structlog
from redis.exceptions import NoScriptError, RedisError, ResponseError

from inference.call_times import CallTimes, untimed
from inference.errors import Misconfigured, StoreUnavailable
from inference.records import DeadLetter, DeadLetters, Place, PredictionRequest, Record
from inference.redis_access.address import RedisAddress
from inference.redis_access.probe import tls_trouble
from inference.redis_access.troubles import facts_of_hello, refuse_for_good
from inference.states import Pause
from inference.store import messages
from inference.store.purged import Purged
from inference.store.redis.commands import Command, Commands
from inference.store.redis.server_checks import judge, refuse_owner, refuse_schema

log = structlog.get_logger()

LANES = 4
MOST_IN_A_PIPELINE = 128
T = TypeVar("T")


@contextmanager
def _answering() -> Iterator[None]:
    """For what is no move: whatever goes wrong with the store is `StoreUnavailable`."""
    try:
        yield
    except (RedisError, OSError, TimeoutError) as error:
        raise StoreUnavailable(f"the store did not answer: {error}") from error


def _expire(answered: asyncio.Future[list[Any]]) -> None:
    if not answered.done():
        answered.set_exception(TimeoutError())


class RedisGatewayStore:
    """See `GatewayStore`. `clock_offset_ms` is for tests alone."""

    def __init__(
        self,
        client: redis.Redis,
        address: RedisAddress,
        commands: Commands,
        timeout_s: float = 2.0,
        clock_offset_ms: Callable[[], int] = lambda: 0,
        *,
        timed: CallTimes = untimed,
    ) -> None:
        self._client = client
        self._address = address
        self._commands = commands
        self._timeout_s = timeout_s
        self._clock_offset_ms = clock_offset_ms
        self._timed = timed
        self._queue: deque[tuple[Command[Any], asyncio.Future[list[Any]]]] = deque()
        self._lanes: set[asyncio.Task[None]] = set()

    async def run(self, command: Command[T]) -> T:
        """Sends a move with whatever else is being sent now.

        A command given up here may still be carried out by the store.
        """
        loop, done = asyncio.get_running_loop(), False
        started = loop.time()
        answered: asyncio.Future[list[Any]] = loop.create_future()
        # A timer and not `asyncio.timeout`, which costs a twentieth of a submission.
        expiry = loop.call_later(self._timeout_s, _expire, answered)
        self._queue.append((command, answered))
        if len(self._lanes) < LANES:
            self._lanes.add(asyncio.create_task(self._run_lane()))
        try:
            reply = await answered
            done = True
        except TimeoutError as error:
            raise StoreUnavailable(
                f"the store did not answer {command.name} within {self._timeout_s:g} s"
            ) from error
        except (RedisError, OSError) as error:
            raise StoreUnavailable(f"the store did not take {command.name}: {error}") from error
        finally:
            expiry.cancel()
            # Its exception knows this frame, and the frames above with their inputs: together they
            # would wait for the collector.
            del answered
            self._timed(command.name, loop.time() - started, answered=done)
        return command.answer(reply)

    async def _run_lane(self) -> None:
        """Sends until nothing is queued, and leaves in the same step of the loop.

        A lane that only looks busy would strand the next call.
        """
        try:
            while self._queue:
                await self._send_some()
        finally:
            self._lanes.discard(cast("asyncio.Task[None]", asyncio.current_task()))

    async def _send_some(self) -> None:
        batch = [self._queue.popleft() for _ in range(min(len(self._queue), MOST_IN_A_PIPELINE))]
        batch = [(command, answered) for command, answered in batch if not answered.done()]
        try:
            replies = await self._send([command for command, _ in batch])
        except (RedisError, OSError) as error:
            replies = [error] * len(batch)
        except Exception as error:
            # uvloop raises a RuntimeError for a connection that closed under a write. Those who
            # wait must hear of it.
            log.exception("store.client_failed", calls=len(batch))
            replies = [ConnectionError(f"{type(error).__name__}: {error}")] * len(batch)
        for (_, answered), reply in zip(batch, replies, strict=True):
            if answered.done():
                continue
            if isinstance(reply, BaseException):
                answered.set_exception(reply)
            else:
                answered.set_result(cast(list[Any], reply))

    async def _send(self, commands: list[Command[Any]]) -> list[Any]:
        replies = await self._pipeline(commands)
        unknown = [i for i, reply in enumerate(replies) if isinstance(reply, NoScriptError)]
        if unknown:
            for text in {commands[i].script.text for i in unknown}:
                await self._client.script_load(text)
            for i, reply in zip(
                unknown, await self._pipeline([commands[i] for i in unknown]), strict=True
            ):
                replies[i] = reply
        return replies

    async def _pipeline(self, commands: list[Command[Any]]) -> list[Any]:
        if not commands:
            return []
        async with self._client.pipeline(transaction=False) as pipeline:
            for command in commands:
                pipeline.execute_command(*command.evalsha(self._clock_offset_ms()))
            return await pipeline.execute(raise_on_error=False)

    async def submit(self, submission: PredictionRequest) -> messages.SubmitAnswer:
        return await self.run(self._commands.submit(submission))

    async def knows_key(self, model: str, idempotency_key: str) -> bool:
        with _answering():
            key = f"{self._commands.prefix(model)}:idem:{idempotency_key}"
            return await self._client.get(key) is not None

    async def watch(self, task_id: str, channel: str) -> Record | None:
        return await self.run(self._commands.watch(task_id, channel))

    async def cancel(self, task_id: str) -> messages.Cancelled | None:
        return await self.run(self._commands.cancel(task_id))

    async def replay(self, task_id: str, epoch: int) -> messages.Replayed:
        return await self.run(self._commands.replay(task_id, epoch))

    async def dead_letters(
        self, model: str, after: Place | None, error_type: str, limit: int
    ) -> DeadLetters:
        return await self.run(self._commands.dead_letters(model, after, error_type, limit))

    async def dead_letter(self, task_id: str) -> DeadLetter | None:
        return await self.run(self._commands.dead_letter(task_id))

    async def discard_dead_letter(self, task_id: str) -> bool:
        return await self.run(self._commands.discard_dead_letter(task_id))

    async def pause(self, model: str, pause: Pause) -> messages.Paused:
        return await self.run(self._commands.pause(model, pause))

    async def purge(self, model: str, before_ms: int) -> Purged:
        return await self.run(self._commands.purge(model, before_ms))

    async def reap(self, model: str) -> messages.Reaped:
        return await self.run(self._commands.reap(model))

    async def tickets_published(self, model: str, published: int) -> int:
        return await self.run(self._commands.tickets_published(model, published))

    async def counts(self, model: str) -> messages.QueueCounts:
        return await self.run(self._commands.counts(model))

    async def workers(self, model: str) -> tuple[messages.WorkerInfo, ...]:
        return await self.run(self._commands.workers(model))

    async def check(self, model: str) -> str:
        info, config = await self._asked(self._facts())
        warning = judge(info, config, behind_sentinels=bool(self._address.service))
        refuse_schema(model, await self._asked(self._own(model)))
        return warning

    async def _asked(self, asking: Coroutine[Any, Any, T]) -> T:
        """Returns the answer. Raises `Misconfigured` for an error that waiting can't mend."""
        try:
            return await asking
        except (StoreUnavailable, RedisError, OSError, TimeoutError) as error:
            refuse_for_good(self._address.variable, "store", error)
            trouble = await asyncio.to_thread(
                tls_trouble, self._address, "store", error, self._timeout_s
            )
            if trouble:
                raise Misconfigured(trouble) from error
            raise StoreUnavailable(f"the store did not answer: {error}") from error

    async def _facts(self) -> tuple[dict[str, Any], dict[str, str]]:
        """Returns INFO and CONFIG. A user of few rights gets less, and so do managed servers."""
        config: dict[str, str] = {}
        with suppress(ResponseError):
            config = cast(dict[str, str], await self._client.config_get("append*", "maxmemory*"))
        with suppress(ResponseError):
            return await self._client.info(), config
        with suppress(ResponseError):
            hello: Any = await self._client.execute_command("HELLO")  # type: ignore[no-untyped-call]
            return facts_of_hello(hello), config
        return {}, config

    async def own(self, model: str) -> None:
        await self._own(model)

    async def _own(self, model: str) -> int:
        """Returns the layout of the records; raises `PrefixTaken`."""
        owner, schema = await self.run(self._commands.own(model))
        refuse_owner(self._commands.key_prefix, self._commands.installation, owner)
        return schema

    async def keep_card(self, model: str, card: bytes) -> None:
        with _answering():
            await self._client.set(self._commands.prefix(model) + ":card", card)

    async def card(self, model: str) -> bytes | None:
        with _answering():
            return cast(
                bytes | None, await self._client.get(self._commands.prefix(model) + ":card")
            )

    async def identity(self) -> str:
        key = f"{self._commands.key_prefix}:identity"
        with _answering():
            await self._client.set(key, uuid4().hex, nx=True)
            return cast(bytes, await self._client.get(key)).decode("ascii")

    async def close(self) -> None:
        for lane in tuple(self._lanes):
            lane.cancel()
        await asyncio.gather(*self._lanes, return_exceptions=True)
        await self._client.aclose()
