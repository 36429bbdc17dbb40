"""The commands of a gateway, each with its reply."""

import json
from typing import Any

from inference.blobs.blob_names import result_reference
from inference.records import DeadLetter, DeadLetters, Place, PredictionRequest, Record, Run
from inference.states import Pause, State
from inference.store import messages
from inference.store.purged import Purged
from inference.store.redis.commands.bad_runs import bad_runs, trace_of
from inference.store.redis.commands.command import Command, Reply, by_name, known, text
from inference.store.redis.commands.keys import Keys

MAX_REAPED = 500
"""Records that one run of the reaper moves on."""

MAX_PURGED = 500
"""Records that one step of a purge ends."""


class GatewayCommands(Keys):
    """See `GatewayStore`."""

    def submit(self, s: PredictionRequest) -> Command[messages.SubmitAnswer]:
        """– → waiting. The input travels as bytes."""
        request = {
            "task_id": s.task_id,
            "rows": s.rows,
            "match_id": "" if s.entity_key is None else str(s.entity_key),
            "join_key": s.join_key,
            "join_version": s.join_version,
            "fresh": s.fresh,
            "idempotency_key": s.idempotency_key,
            "body_digest": s.body_digest,
            "head_start_ms": s.head_start_ms,
            "time_to_start_ms": s.time_to_start_ms,
            "longest_wait_ms": s.longest_wait_ms,
            "listener": s.listener,
            "trace_id": s.trace.trace_id if s.trace else "",
            "span": s.trace.packed if s.trace else "",
            "request_id": s.request_id,
            "most_outstanding": self.limits.most_outstanding,
            "most_outstanding_bytes": self.limits.most_outstanding_bytes,
        }
        return Command("submit", self.prefix(s.model), request, _submitted, (s.input,))

    def watch(self, task_id: str, channel: str) -> Command[Record | None]:
        """Reads a record and, unless `channel` is '', listens to it."""

        def read(reply: Reply) -> Record | None:
            return _record(task_id, reply.get("record"))

        return Command(
            "watch", self.prefix_of(task_id), {"task_id": task_id, "channel": channel}, read
        )

    def cancel(self, task_id: str) -> Command[messages.Cancelled | None]:
        """Waiting, retry, running → cancelled."""

        def read(reply: Reply) -> messages.Cancelled | None:
            record = _record(task_id, reply.get("record"))
            return None if record is None else messages.Cancelled(record, bool(reply["done"]))

        return Command("cancel", self.prefix_of(task_id), {"task_id": task_id}, read)

    def replay(self, task_id: str, epoch: int) -> Command[messages.Replayed]:
        """Failure → waiting."""

        def read(reply: Reply) -> messages.Replayed:
            return known(messages.Replayed, reply)

        return Command(
            "replay", self.prefix_of(task_id), {"task_id": task_id, "epoch": epoch}, read
        )

    def discard_dead_letter(self, task_id: str) -> Command[bool]:
        """Failure → tombstone; answers whether it is one now."""
        return Command(
            "discard_dead_letter",
            self.prefix_of(task_id),
            {"task_id": task_id},
            lambda reply: bool(reply["done"]),
        )

    def reap(self, model: str) -> Command[messages.Reaped]:
        """Reclaim, retry due, expire, expire result, discard."""
        limits = self.limits
        request = {
            "period_ms": limits.reaper_period_ms,
            "lease_ms": limits.lease_ms,
            "most": MAX_REAPED,
            "retry": self.retry_limits(),
            "result_ttl_ms": limits.result_ttl_ms,
            "tombstone_ttl_ms": limits.tombstone_ttl_ms,
            "dead_letter_ttl_ms": limits.dead_letter_ttl_ms,
            "most_dead": limits.most_dead,
            "most_dead_bytes": limits.most_dead_bytes,
        }
        return Command("reap", self.prefix(model), request, _reaped)

    def dead_letters(
        self, model: str, after: Place | None, error_type: str, limit: int
    ) -> Command[DeadLetters]:
        """A page of the failures, the newest first."""
        place = (
            {"after_ms": str(after.ended_ms), "after_task_id": after.task_id}
            if after
            else {"after_ms": ""}
        )
        request = {**place, "error_type": error_type, "limit": limit}
        return Command("dead_letters", self.prefix(model), request, _dead_letters)

    def dead_letter(self, task_id: str) -> Command[DeadLetter | None]:
        """One of them, with its input and its history."""

        def read(reply: Reply) -> DeadLetter | None:
            return _dead_letter(reply["letter"]) if "letter" in reply else None

        return Command("dead_letter", self.prefix_of(task_id), {"task_id": task_id}, read)

    def counts(self, model: str) -> Command[messages.QueueCounts]:
        """The numbers of a queue."""

        def read(reply: Reply) -> messages.QueueCounts:
            # A newer release may know further ways to pause.
            paused = Pause(min(reply.get("paused", 0), Pause.REFUSE))
            return known(messages.QueueCounts, reply | {"paused": paused})

        return Command("counts", self.prefix(model), {}, read)

    def pause(self, model: str, pause: Pause) -> Command[messages.Paused]:
        """Nothing new starts; or it does again."""
        request = {"paused": int(pause)}
        return Command(
            "pause", self.prefix(model), request, lambda reply: known(messages.Paused, reply)
        )

    def purge(self, model: str, before_ms: int) -> Command[Purged]:
        """Waiting, retry → cancelled."""
        request = {"before_ms": before_ms, "most": MAX_PURGED}

        def read(reply: Reply) -> Purged:
            return known(Purged, reply | {"more": bool(reply["more"])})

        return Command("purge", self.prefix(model), request, read)

    def workers(self, model: str) -> Command[tuple[messages.WorkerInfo, ...]]:
        """The live workers."""
        return Command(
            "workers",
            self.prefix(model),
            {},
            lambda reply: tuple(_worker(row) for row in reply["workers"]),
        )


def _submitted(reply: Reply) -> messages.SubmitAnswer:
    return messages.SubmitAnswer(
        kind=messages.Submitted(text(reply["kind"])),
        task_id=text(reply["task_id"]),
        state=State(text(reply["state"])),
        sequence=reply["sequence"],
        tickets=reply["tickets"],
        retry_after_ms=reply.get("retry_after_ms", 0),
        trace=trace_of(reply),
    )


def _record(task_id: str, view: list[Any] | None) -> Record | None:
    """Reads the fields of VIEW in 5_views.lua that are set.

    After them come the position and the time to it.
    """
    if view is None:
        return None
    held = {name: text(value) for name, value in by_name(view).items()}
    return Record(
        task_id=task_id,
        state=State(held["state"]),
        sequence=int(held["seq"]),
        epoch=int(held["epoch"]),
        attempts=int(held.get("attempts", 0)),
        entity_key=_whole(held.get("match_id")),
        created_ms=int(held.get("created", 0)),
        begun_ms=int(held.get("begun", 0)),
        ended_ms=int(held.get("ended", 0)),
        run_ms=int(held.get("run_ms", 0)),
        version=held.get("version", ""),
        result=_result(task_id, held.get("result")),
        error=_json(held.get("error")),
        trace=trace_of(held),
        request_id=held.get("request", ""),
        position=held.get("position"),
        starts_in_ms=held.get("starts_in_ms"),
    )


def _result(task_id: str, held: str | None) -> Any:
    return (result_reference(task_id, held) or json.loads(held)) if held else None


def _whole(number: str | None) -> int | None:
    return int(number) if number else None


def _json(written: str | None) -> Any:
    return json.loads(written) if written else None


def _reaped(reply: Reply) -> messages.Reaped:
    read = {
        "ran": bool(reply["ran"]),
        "quiet": bool(reply.get("quiet")),
        "bad_runs": bad_runs(reply),
    }
    return known(messages.Reaped, reply | read)


def _dead_letters(reply: Reply) -> DeadLetters:
    ended, task_id = reply.get("next_ms"), reply.get("next_task_id")
    items = tuple(_dead_letter(row) for row in reply["letters"])
    return DeadLetters(items, Place(int(ended), text(task_id)) if ended else None)


def _dead_letter(row: list[Any]) -> DeadLetter:
    """Reads the fields of LETTER in 5_views.lua that are set.

    The input and the history are there when it was asked for alone.

    The history has a line for each run. Only "\\n" ends a line: an error's text may hold others of
    `splitlines`, such as U+2028.
    """
    held = {name: text(value) for name, value in by_name(row).items()}
    return DeadLetter(
        task_id=held["task_id"],
        entity_key=_whole(held.get("match_id")),
        created_ms=int(held["created"]),
        ended_ms=int(held["ended"]),
        attempts=int(held["attempts"]),
        epoch=int(held["epoch"]),
        error=_json(held.get("error")),
        trace_id=held.get("trace", ""),
        input=_json(held.get("input")),
        history=tuple(
            known(Run, json.loads(line)) for line in held.get("history", "").split("\n") if line
        ),
    )


def _worker(row: list[Any]) -> messages.WorkerInfo:
    held = {name: text(value) for name, value in by_name(row).items()}
    return messages.WorkerInfo(
        worker_id=held["worker_id"],
        state=messages.WorkerState(held["state"]),
        version=held.get("version", ""),
        since_ms=int(held["since"]),
        batch_rows=int(held["batch"]),
        problem=held.get("problem", ""),
        identity=held.get("identity", ""),
    )
