"""The store on Redis or Valkey as the contract tests see it."""

import asyncio
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from hashlib import sha1
from typing import Any
from unittest.mock import patch

import redis

from inference.limits import Limits
from inference.records import Run
from inference.redis_access.address import parse
from inference.redis_access.clients import asyncio_client, blocking_client
from inference.states import State
from inference.store.redis import RedisGatewayStore, RedisWorkerStore
from inference.store.redis.commands import Command, Commands, Script, command, script
from inference.trace_context import TraceContext
from testkit.servers import Valkey
from tests.contract.redis_plantings import PLANTINGS
from tests.contract.snapshot import Memory, Move, Post, Row, StoreSnapshot
from tests.contract.stores import Clock, Patch, Planting

GATEWAY_MOVES = frozenset(
    (
        *("submit", "watch", "cancel", "replay", "discard_dead_letter", "reap"),
        *("counts", "workers", "pause", "purge"),
    )
)
MOVES = GATEWAY_MOVES | {"claim", "begin", "renew", "settle", "heartbeat", "tickets_published"}
DUMP = """
local out = {}
for _, key in ipairs(redis.call('KEYS', ARGV[1] .. ':*')) do
  local kind = redis.call('TYPE', key).ok
  local held
  if kind == 'hash' then held = redis.call('HGETALL', key)
  elseif kind == 'zset' then held = redis.call('ZRANGE', key, 0, -1, 'WITHSCORES')
  elseif kind == 'string' then held = redis.call('GET', key) end
  if held then out[#out + 1] = {string.sub(key, #ARGV[1] + 2), held} end
end
return out
"""


class RedisUnderTest:
    """See `StoreUnderTest`. The service's side reaches it by `url`, if that is given."""

    plantings: Mapping[str, Planting] = PLANTINGS

    def __init__(self, server: Valkey, limits: Limits, url: str = "") -> None:
        self.limits = limits
        self.clock = Clock()
        self._commands = Commands("contract", limits)
        self._loop = asyncio.new_event_loop()
        self._client = redis.Redis(port=server.port)
        self._dump = self._client.register_script(DUMP)
        self._address = address = parse("STORE_URL", url or server.url())
        offset = self.clock.offset
        self._worker = RedisWorkerStore(
            blocking_client(address, 10), address, self._commands, offset
        )
        self._gateways = [
            RedisGatewayStore(asyncio_client(address, 10), address, self._commands, 10, offset)
            for _ in range(2)
        ]

    def worker_store(self) -> RedisWorkerStore:
        return self._worker

    def gateway_store(self, number: int) -> RedisGatewayStore:
        return self._gateways[number]

    def run(self, coroutine: Any) -> Any:
        return self._loop.run_until_complete(coroutine)

    def send(self, gateway: int, move: Move) -> tuple[int, Any]:
        made: Command[Any] = getattr(self._commands, move.name)(*move.args)
        timed = replace(made, read=lambda reply: (int(reply["now"]), made.read(reply)))
        if move.name not in GATEWAY_MOVES:
            by_worker: tuple[int, Any] = self._worker.run(timed)
            return by_worker
        answer: tuple[int, Any] = self.run(self._gateways[gateway].run(timed))
        return answer

    def subscription(self, channel: str) -> "RedisSubscription":
        return RedisSubscription(blocking_client(self._address, 10), channel)

    def picture(self, model: str) -> StoreSnapshot:
        keys = {
            name.decode(): held for name, held in self._dump(args=[self._commands.prefix(model)])
        }
        return _picture(keys)

    def meddle(self, model: str, tickets: int) -> None:
        self._client.hset(self._commands.prefix(model) + ":meta", "tickets", tickets)

    def forge(self, model: str, task_id: str, *, outstanding: bool) -> None:
        key = self._commands.prefix(model) + ":outstanding"
        if outstanding:
            self._client.zadd(key, {task_id: 1})
        else:
            self._client.zrem(key, task_id)

    def flush(self) -> None:
        self._client.flushall()

    @contextmanager
    def planted(self, patches: tuple[Patch, ...]) -> Iterator[None]:
        """Changes the scripts' texts where commands look them up.

        Another text has another digest, so nothing else has to change.
        """

        @cache
        def changed(name: str) -> Script:
            text = script(name).text
            for one in patches:
                if one.name in (name, "lib"):
                    assert text.count(one.old) == 1, (
                        f"{one.old!r} is {text.count(one.old)} times in {name}"
                    )
                    text = text.replace(one.old, one.new)
            return Script(text, sha1(text.encode(), usedforsecurity=False).hexdigest())

        for name in MOVES:
            changed(name)
        with patch.object(command, "script", changed):
            yield

    def close(self) -> None:
        for gateway in self._gateways:
            self.run(gateway.close())
        self._loop.close()
        self._client.close()


class RedisSubscription:
    """See `Subscription`.

    A PING on the same connection comes back after all that was published before it.
    """

    def __init__(self, client: redis.Redis, channel: str) -> None:
        self._client = client
        self._channel = channel
        self._ear = self._client.pubsub()  # type: ignore[no-untyped-call]

    def confirm(self) -> None:
        self._ear.subscribe(self._channel)
        self._until("subscribe")

    def drop(self) -> None:
        self._ear.close()
        self._ear = self._client.pubsub()  # type: ignore[no-untyped-call]

    def heard(self) -> list[tuple[str, int, str]]:
        if not self._ear.subscribed:
            return []
        self._ear.ping()
        return self._until("pong")

    def _until(self, kind: str) -> list[tuple[str, int, str]]:
        heard: list[tuple[str, int, str]] = []
        while True:
            message = self._ear.get_message(timeout=10)
            assert message is not None, f"no {kind} within 10 s"
            if message["type"] == kind:
                return heard
            if message["type"] == "message":
                task_id, seq, state = message["data"].decode().split(" ")
                heard.append((task_id, int(seq), state))


def _picture(keys: dict[str, Any]) -> StoreSnapshot:
    indexes = {
        name: _scores(keys.get(name, []))
        for name in ("waiting", "running", "retry", "outstanding", "suspects")
    }
    ages = {name: _scores(keys.get(name, [])) for name in ("starts_by", "ended", "dead", "tombs")}
    records = {
        name.removeprefix("record:"): _row(held)
        for name, held in keys.items()
        if name.startswith("record:")
    }
    for task_id, at in ages["tombs"].items():
        records[task_id].ended = at
    seen = _scores(keys.get("workers", []))
    meta = {
        name: int(value) for name, value in _fields(keys.get("meta", [])).items() if name != "drift"
    }
    return StoreSnapshot(
        records=records,
        waiting=tuple(indexes["waiting"]),
        running=indexes["running"],
        retry=indexes["retry"],
        outstanding=indexes["outstanding"],
        quarantined_ids=frozenset(indexes["suspects"]),
        **ages,
        claims={
            name.removeprefix("claim:"): _memory(held)
            for name, held in keys.items()
            if name.startswith("claim:")
        },
        posts={name: _post(keys[f"worker:{name}"], at) for name, at in seen.items()},
        joins={
            name.removeprefix("join:"): held.decode()
            for name, held in keys.items()
            if name.startswith("join:")
        },
        idems={
            name.removeprefix("idem:"): _told(held)
            for name, held in keys.items()
            if name.startswith("idem:")
        },
        meta={name: value for name, value in meta.items() if value},
    )


def _scores(pairs: list[bytes]) -> dict[str, int]:
    return {
        name.decode(): int(float(score))
        for name, score in zip(pairs[::2], pairs[1::2], strict=True)
    }


def _fields(pairs: list[bytes]) -> dict[str, str]:
    return {
        name.decode(): value.decode() for name, value in zip(pairs[::2], pairs[1::2], strict=True)
    }


def _told(value: bytes) -> tuple[str, str]:
    task_id, digest = value.decode().split(" ")
    return task_id, digest


def _row(pairs: list[bytes]) -> Row:
    held = _fields(pairs)
    numbers = (
        *("seq", "epoch", "order", "created", "rows", "attempts", "named", "begun"),
        *("starts_by", "run_ms", "since", "ended"),
    )
    values: dict[str, Any] = {
        name: held.get(name, "") for name in ("claim", "worker", "join", "match_id", "version")
    }
    values |= {name: int(held.get(name, 0)) for name in numbers}
    values |= {
        name: held[name].encode() if name in held else None for name in ("input", "result", "error")
    }
    return Row(
        state=State(held["state"]),
        history=tuple(Run(**json.loads(line)) for line in held.get("history", "").splitlines()),
        quarantined=held.get("suspect") == "1",
        began=held.get("began") == "1",
        trace=TraceContext.of_record(held.get("trace", ""), held.get("span", "")),
        request_id=held.get("request", ""),
        listeners=frozenset(held.get("listeners", "").split()),
        **values,
    )


def _memory(pairs: list[bytes]) -> Memory:
    held = _fields(pairs)
    words = {
        name.removeprefix("word:"): word for name, word in held.items() if name.startswith("word:")
    }
    return Memory(
        held.get("status", ""),
        tuple(held.get("ids", "").split()),
        int(held.get("begun", 0)),
        int(held.get("renewed", 0)),
        words,
    )


def _post(pairs: list[bytes], seen: int) -> Post:
    held = _fields(pairs)
    return Post(
        held["state"],
        held["version"],
        int(held["batch"]),
        int(held["since"]),
        seen,
        int(held["idle_beats"]),
        held["problem"],
        held["identity"],
    )
