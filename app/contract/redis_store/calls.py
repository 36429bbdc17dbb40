"""The moves as calls of scripts: what is sent and how the reply is read, without any input or output.

A call is plain data, so the two clients share it, many can travel in one pipeline, and a test can send it twice or late.
"""

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache
from hashlib import sha1
from importlib.resources import files
from typing import Any, Generic, TypeVar

from app.contract import moves
from app.contract.ids import model_of
from app.contract.moves import Limits, Outcome, Verb
from app.contract.record import DeadLetter, DeadLetters, Place, Record, Submission
from app.contract.redis_store import replies
from app.contract.redis_store.server import SCHEMA

MAX_REAPED = 500

Argument = str | int | float | bytes
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Script:
    """A script's text and the digest that EVALSHA names it by."""

    text: str
    digest: str


@cache
def script(name: str) -> Script:
    """Returns `<name>.lua` behind what all share. Only submit may be refused by a full store (protocol rule 11)."""
    folder = files("app.contract.redis_store") / "scripts"
    flags = "" if name == "submit" else " flags=allow-oom"
    text = f"#!lua{flags}\n" + (folder / "lib.lua").read_text() + (folder / f"{name}.lua").read_text()
    return Script(text, sha1(text.encode(), usedforsecurity=False).hexdigest())


@dataclass(frozen=True, slots=True)
class Call(Generic[T]):
    """One move: the script, the key prefix that puts it into its model's slot, the arguments and the reply's reader."""

    name: str
    prefix: str
    arguments: tuple[Argument, ...]
    read: Callable[[list[Any]], T]

    def evalsha(self, clock_offset_ms: int) -> tuple[Argument, ...]:
        """Returns the command that runs the script."""
        return ("EVALSHA", script(self.name).digest, 1, self.prefix, clock_offset_ms, *self.arguments)


@dataclass(frozen=True)
class Moves:
    """Makes the calls. `key_prefix` lets several installations share a server; '' for `installation` marks no keys as its own."""

    key_prefix: str = "inference"
    limits: Limits = field(default_factory=Limits)
    installation: str = ""

    def prefix(self, model: str) -> str:
        """Returns the start of all keys of a model; the braces put them into one slot."""
        return f"{{{self.key_prefix}:{model}}}"

    @property
    def owner_key(self) -> str:
        """The key that names the installation whose keys these are."""
        return f"{self.key_prefix}:owner"

    def own(self, model: str) -> Call[tuple[str, int]]:
        """Marks the keys as this installation's, if they are nobody's; answers whose they are, and the layout of the records."""
        arguments = (self.owner_key, self.installation, SCHEMA)
        return Call("own", self.prefix(model), arguments, lambda reply: (replies.text(reply[1]), int(reply[2])))

    def _of(self, task_id: str) -> str:
        return self.prefix(model_of(task_id) or "")

    def _failing(self) -> tuple[Argument, ...]:
        jitter = secrets.randbelow(1_000_000) / 1_000_000
        return (self.limits.max_attempts, self.limits.retry_base_ms, self.limits.retry_cap_ms, jitter)

    def submit(self, s: Submission) -> Call[moves.SubmitAnswer]:
        """– → waiting."""
        entity_key = "" if s.entity_key is None else s.entity_key
        join = (s.join_key, s.join_version, int(s.fresh), s.idempotency_key, s.body_digest)
        times = (s.head_start_ms, s.time_to_start_ms)
        bounds = (self.limits.most_outstanding, self.limits.most_outstanding_bytes, s.longest_wait_ms)
        arguments = (s.task_id, s.input, s.rows, entity_key, *join, *times, s.listener, s.trace_id, *bounds)
        return Call("submit", self.prefix(s.model), arguments, replies.submitted)

    def claim(self, ask: moves.Ask) -> Call[moves.ClaimAnswer]:
        """Waiting → running."""
        arguments = (ask.claim_id, ask.worker_id, ask.batch_rows, self.limits.lease_ms, ask.max_batch_wait_ms)
        return Call("claim", self.prefix(ask.model), arguments, replies.claimed)

    def begin(self, model: str, claim_id: str, task_ids: Sequence[str]) -> Call[tuple[str, ...]]:
        """Running → running: the records about to be run."""
        return Call("begin", self.prefix(model), (claim_id, *task_ids), lambda reply: tuple(replies.text(i) for i in reply[1:]))

    def renew(self, model: str, claim_id: str, limit_ms: int) -> Call[moves.RenewAnswer]:
        """Running → running: the lease."""
        return Call("renew", self.prefix(model), (claim_id, self.limits.lease_ms, limit_ms), replies.renewed)

    def settle(self, model: str, claim_id: str, outcomes: Sequence[Outcome], version: str) -> Call[moves.SettleAnswer]:
        """Running → success, retry, failure or waiting."""
        arguments: list[Argument] = [claim_id, version, *self._failing()]
        for o in outcomes:
            arguments += [o.task_id, Verb(o.verb).value, int(o.own), o.payload, o.run_ms]
        return Call("settle", self.prefix(model), tuple(arguments), replies.settled)

    def heartbeat(self, beat: moves.Beat) -> Call[moves.BeatAnswer]:
        """A worker lives."""
        own = (beat.worker_id, beat.state.value, beat.version, beat.batch_rows, beat.period_ms)
        change = (beat.wants, beat.turn_ms, beat.problem)
        return Call("heartbeat", self.prefix(beat.model), (*own, *change), replies.beat)

    def cover(self, model: str, published: int) -> Call[int]:
        """Raises the guess of tickets under way."""
        return Call("cover", self.prefix(model), (published,), lambda reply: int(reply[1]))

    def watch(self, task_id: str, channel: str) -> Call[Record | None]:
        """Reads a record and listens to it."""
        return Call("watch", self._of(task_id), (task_id, channel), lambda reply: replies.record(task_id, reply[1:]))

    def cancel(self, task_id: str) -> Call[moves.Cancelled | None]:
        """Waiting, retry, running → cancelled."""

        def read(reply: list[Any]) -> moves.Cancelled | None:
            record = replies.record(task_id, reply[2:])
            return None if record is None else moves.Cancelled(record, bool(reply[1]))

        return Call("cancel", self._of(task_id), (task_id,), read)

    def replay(self, task_id: str, epoch: int) -> Call[moves.Replayed]:
        """Failure → waiting."""
        return Call("replay", self._of(task_id), (task_id, epoch), lambda reply: moves.Replayed(reply[1], reply[2]))

    def bury(self, task_id: str) -> Call[bool]:
        """Failure → tombstone."""
        return Call("bury", self._of(task_id), (task_id,), lambda reply: bool(reply[1]))

    def reap(self, model: str) -> Call[moves.Reaped]:
        """Take over, due, expire, forget, bury."""
        own = self.limits
        arguments = (own.reaper_period_ms, own.lease_ms, MAX_REAPED, *self._failing())
        ages = (own.result_ttl_ms, own.tombstone_ttl_ms, own.dead_letter_ttl_ms)
        return Call("reap", self.prefix(model), (*arguments, *ages, own.most_dead, own.most_dead_bytes), replies.reaped)

    def dead_letters(self, model: str, after: Place | None, error_type: str, limit: int) -> Call[DeadLetters]:
        """A page of the failures."""
        place = (after.ended_ms, after.task_id) if after else ("", "")
        return Call("dead_letters", self.prefix(model), (*place, error_type, limit), replies.dead_letters)

    def dead_letter(self, task_id: str) -> Call[DeadLetter | None]:
        """One of them, whole."""
        return Call("dead_letter", self._of(task_id), (task_id,), lambda reply: replies.dead_letter(task_id, reply[1:]))

    def counts(self, model: str) -> Call[moves.QueueCounts]:
        """The numbers of a queue."""
        return Call("counts", self.prefix(model), (), lambda reply: moves.QueueCounts(*reply[1:]))

    def workers(self, model: str) -> Call[tuple[moves.WorkerInfo, ...]]:
        """The live workers."""
        return Call("workers", self.prefix(model), (), lambda reply: tuple(replies.worker(row) for row in reply[1:]))
