"""The store for workers: one blocking client, safe to share between threads."""

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, TypeVar, cast

import redis

from inference.call_times import CallTimes, untimed
from inference.errors import Misconfigured, StoreUnavailable
from inference.redis_access.address import RedisAddress
from inference.redis_access.probe import tls_trouble
from inference.redis_access.troubles import facts_of_hello, refuse_for_good
from inference.store import messages
from inference.store.redis.commands import Command, Commands
from inference.store.redis.server_checks import judge, refuse_owner, refuse_schema

PROBE_S = 1.5
"""How long a look at a server that breaks connections off may take, in seconds."""

T = TypeVar("T")


class RedisWorkerStore:
    """See `WorkerStore`. `clock_offset_ms` is for tests alone."""

    def __init__(
        self,
        client: redis.Redis,
        address: RedisAddress,
        commands: Commands,
        clock_offset_ms: Callable[[], int] = lambda: 0,
        *,
        timed: CallTimes = untimed,
    ) -> None:
        self._client = client
        self._address = address
        self._commands = commands
        self._clock_offset_ms = clock_offset_ms
        self._timed = timed

    def run(self, command: Command[T]) -> T:
        """Sends a move; a server that does not know the script gets it first."""
        started, answered = time.perf_counter(), False
        try:
            reply = self._send(command)
            answered = True
        except (redis.RedisError, OSError) as error:
            raise StoreUnavailable(f"the store did not take {command.name}: {error}") from error
        finally:
            self._timed(command.name, time.perf_counter() - started, answered=answered)
        return command.answer(reply)

    def _send(self, command: Command[Any]) -> list[Any]:
        try:
            return self._execute(command)
        except redis.exceptions.NoScriptError:
            self._client.script_load(command.script.text)
            return self._execute(command)

    def _execute(self, command: Command[Any]) -> list[Any]:
        words = command.evalsha(self._clock_offset_ms())
        reply: list[Any] = self._client.execute_command(*words)  # type: ignore[no-untyped-call]
        return reply

    def claim(self, ask: messages.ClaimRequest) -> messages.ClaimAnswer:
        return self.run(self._commands.claim(ask))

    def begin(self, model: str, claim_id: str, task_ids: Sequence[str]) -> tuple[str, ...]:
        return self.run(self._commands.begin(model, claim_id, task_ids))

    def renew(self, model: str, claim_id: str, limit_ms: int) -> messages.RenewAnswer:
        return self.run(self._commands.renew(model, claim_id, limit_ms))

    def settle(
        self, model: str, claim_id: str, outcomes: Sequence[messages.Outcome], version: str
    ) -> messages.SettleAnswer:
        return self.run(self._commands.settle(model, claim_id, outcomes, version))

    def heartbeat(self, beat: messages.HeartbeatRequest) -> messages.HeartbeatAnswer:
        return self.run(self._commands.heartbeat(beat))

    def tickets_published(self, model: str, published: int) -> int:
        return self.run(self._commands.tickets_published(model, published))

    def check(self, model: str) -> str:
        info, config = self._asked(self._facts)
        warning = judge(info, config, behind_sentinels=bool(self._address.service))
        refuse_schema(model, self._asked(lambda: self._own(model)))
        return warning

    def _asked(self, asking: Callable[[], T]) -> T:
        """Returns the answer. Raises `Misconfigured` for an error that waiting can't mend."""
        try:
            return asking()
        except (StoreUnavailable, redis.RedisError, OSError) as error:
            refuse_for_good(self._address.variable, "store", error)
            if trouble := tls_trouble(self._address, "store", error, PROBE_S):
                raise Misconfigured(trouble) from error
            raise StoreUnavailable(f"the store did not answer: {error}") from error

    def _facts(self) -> tuple[dict[str, Any], dict[str, str]]:
        """Returns INFO and CONFIG. A user of few rights gets less, and so do managed servers."""
        config: dict[str, str] = {}
        with suppress(redis.ResponseError):
            config = cast(dict[str, str], self._client.config_get("append*", "maxmemory*"))
        with suppress(redis.ResponseError):
            return self._client.info(), config
        with suppress(redis.ResponseError):
            hello: Any = self._client.execute_command("HELLO")  # type: ignore[no-untyped-call]
            return facts_of_hello(hello), config
        return {}, config

    def own(self, model: str) -> None:
        self._own(model)

    def _own(self, model: str) -> int:
        """Returns the layout of the records; raises `PrefixTaken`."""
        owner, schema = self.run(self._commands.own(model))
        refuse_owner(self._commands.key_prefix, self._commands.installation, owner)
        return schema
