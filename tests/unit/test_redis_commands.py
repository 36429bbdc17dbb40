"""Commands of the store on Redis: what is sent by name, and replies of a newer program."""

import json
from typing import Any

from inference.records import PredictionRequest, Run
from inference.states import State
from inference.store.messages import (
    ClaimRequest,
    Outcome,
    OutcomeKind,
    QueueCounts,
    Reaped,
    Submitted,
)
from inference.store.redis.commands import Command, Commands

COMMANDS = Commands("unit")
SUBMISSION = PredictionRequest("m-1", "m", b"\xff[1]\x00", entity_key=2**63 - 1, fresh=True)
NEWER: list[Any] = [b"of a newer program", [1, b"x"]]
RUN: dict[str, Any] = {
    "epoch": 1,
    "worker": "w",
    "version": "2",
    "began_ms": 1,
    "ended_ms": 2,
    "batch": 3,
    "charged": True,
    "error": None,
}


def sent(command: Command[Any], clock_offset_ms: int = 0) -> tuple[dict[str, Any], list[Any]]:
    """What a script gets: its request by names, and what is binary."""
    name, _digest, keys, prefix, request, *binary = command.evalsha(clock_offset_ms)
    assert (name, keys, prefix) == ("EVALSHA", 1, "{unit:m}")
    assert isinstance(request, bytes)
    return json.loads(request), binary


def test_a_request_goes_by_names_and_its_bytes_as_they_are() -> None:
    told, binary = sent(COMMANDS.submit(SUBMISSION))
    assert binary == [SUBMISSION.input]
    assert (told["task_id"], told["match_id"], told["fresh"]) == ("m-1", str(2**63 - 1), True)
    assert "clock_offset_ms" not in told


def test_only_a_test_moves_the_clock() -> None:
    assert sent(COMMANDS.counts("m"), -5) == ({"clock_offset_ms": -5}, [])


def test_each_payload_stands_where_its_outcome_stands() -> None:
    outcomes = [
        Outcome("m-1", OutcomeKind.FINISH, b"[1]", run_ms=7),
        Outcome("m-2", OutcomeKind.FAIL, b"\xff", own=True),
    ]
    told, payloads = sent(COMMANDS.settle("m", "c", outcomes, "v"))
    assert [
        (one["task_id"], one["verb"], one["own"], one["run_ms"]) for one in told["outcomes"]
    ] == [
        ("m-1", "finish", False, 7),
        ("m-2", "fail", True, 0),
    ]
    assert payloads == [b"[1]", b"\xff"]


def test_a_reply_may_have_fields_that_nobody_knows_yet() -> None:
    submitted = [
        b"now",
        1,
        b"kind",
        b"joined",
        b"task_id",
        b"m-2",
        b"state",
        b"running",
        b"sequence",
        3,
        b"tickets",
        1,
    ]
    answer = COMMANDS.submit(SUBMISSION).answer(submitted + NEWER)
    assert (answer.kind, answer.task_id, answer.state, answer.retry_after_ms) == (
        Submitted.JOINED,
        "m-2",
        State.RUNNING,
        0,
    )
    view = [b"state", b"waiting", b"seq", b"2", b"epoch", b"1", b"position", 4]
    record = COMMANDS.watch("m-1", "").answer([b"now", 1, b"record", view + NEWER, *NEWER])
    assert record is not None
    assert (record.state, record.sequence, record.position, record.starts_in_ms) == (
        State.WAITING,
        2,
        4,
        None,
    )
    granted = [b"task_id", b"m-1", b"rows", b"1", b"input", b"[1]"]
    claimed = COMMANDS.claim(ClaimRequest("m", "c", "w", 1)).answer(
        [b"kind", b"granted", b"records", [granted + NEWER], *NEWER]
    )
    assert [(one.task_id, one.input, one.rows) for one in claimed.records] == [("m-1", b"[1]", 1)]
    counts = [pair for name in QueueCounts.__slots__ for pair in (name.encode(), 5)]
    assert COMMANDS.counts("m").answer(counts + NEWER).rate == 5
    assert COMMANDS.reap("m").answer([b"now", 1, b"ran", None, *NEWER]) == Reaped(ran=False)


def test_a_history_may_have_been_written_by_a_newer_program_and_hold_any_text() -> None:
    odd = RUN | {"error": {"message": "a\u2028b\x85c\u000b"}}
    lines = "\n".join(json.dumps(line, ensure_ascii=False) for line in (odd, RUN | {"node": "n1"}))
    letter = [
        b"task_id",
        b"m-1",
        b"created",
        b"1",
        b"ended",
        b"2",
        b"attempts",
        b"1",
        b"epoch",
        b"1",
        b"history",
        lines.encode(),
    ]
    told = COMMANDS.dead_letter("m-1").answer([b"now", 1, b"letter", letter])
    assert told is not None
    assert told.history == (Run(**odd), Run(**RUN))
