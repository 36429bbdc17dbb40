"""The store for workers: one blocking client, safe to share between threads."""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar, cast

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from inference.errors import Misconfigured, StoreUnavailable
from inference.store import messages
from inference.store.redis.commands import Command, Commands
from inference.store.redis.server_checks import (
    refuse,
    refuse_owner,
    refuse_policy,
    refuse_schema,
    weakness,
)

T = TypeVar("T")


def connect(url: str, timeout_s: float) -> redis.Redis:
    """Returns a client that answers or fails within about `timeout_s`.

    It reconnects once by itself.
    """
    retry = Retry(NoBackoff(), 1)
    return redis.Redis.from_url(
        url, socket_timeout=timeout_s, socket_connect_timeout=timeout_s, retry=retry
    )


class RedisWorkerStore:
    """See `WorkerStore`. `clock_offset_ms` is for tests alone."""

    def __init__(
        self,
        client: redis.Redis,
        commands: Commands,
        clock_offset_ms: Callable[[], int] = lambda: 0,
    ) -> None:
        self._client = client
        self._commands = commands
        self._clock_offset_ms = clock_offset_ms

    def run(self, command: Command[T]) -> T:
        """Sends a move; a server that does not know the script gets it first."""
        try:
            reply = self._send(command)
        except (redis.RedisError, OSError) as error:
            raise StoreUnavailable(f"the store did not take {command.name}: {error}") from error
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
        try:
            refuse(self._client.info())
            config = _config(self._client)
            refuse_policy(config)
            refuse_schema(model, self._own(model))
        except redis.AuthenticationError as error:
            raise Misconfigured(
                f"the store refused the credentials in STORE_URL: {error}"
            ) from error
        except (redis.RedisError, OSError) as error:
            raise StoreUnavailable(f"the store did not answer: {error}") from error
        return weakness(config)

    def own(self, model: str) -> None:
        self._own(model)

    def _own(self, model: str) -> int:
        """Returns the layout of the records; raises `PrefixTaken`."""
        owner, schema = self.run(self._commands.own(model))
        refuse_owner(self._commands.key_prefix, self._commands.installation, owner)
        return schema


def _config(client: redis.Redis) -> dict[str, str]:
    """Managed servers refuse CONFIG; then nothing is known, and nothing said."""
    try:
        return cast(dict[str, str], client.config_get("append*", "maxmemory*"))
    except redis.ResponseError:
        return {}
