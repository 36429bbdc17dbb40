"""How the replies of the scripts are read. Each begins with the store's time, which nobody but tests looks at."""

import json
from typing import Any

from app.contract import moves
from app.contract.record import DeadLetter, DeadLetters, Place, Record, Run
from app.contract.references import result_reference
from app.contract.states import State


def text(value: bytes | str) -> str:
    return value.decode() if isinstance(value, bytes) else value


def submitted(reply: list[Any]) -> moves.SubmitAnswer:
    _, kind, task_id, state, sequence, tickets, retry_after_ms = reply
    return moves.SubmitAnswer(moves.Submitted(text(kind)), text(task_id), State(text(state)), sequence, tickets, retry_after_ms)


def claimed(reply: list[Any]) -> moves.ClaimAnswer:
    _, kind, wait_ms, tickets, *rows = reply
    records = tuple(moves.Granted(text(task_id), data, int(size)) for task_id, data, size in rows)
    return moves.ClaimAnswer(moves.Claim(text(kind)), records, wait_ms, tickets)


def renewed(reply: list[Any]) -> moves.RenewAnswer:
    _, kind, refused, begun_for_ms, *held = reply
    ids = tuple(text(task_id) for task_id in held)
    return moves.RenewAnswer(moves.Hold(text(kind)), ids, bool(refused), None if begun_for_ms < 0 else begun_for_ms)


def settled(reply: list[Any]) -> moves.SettleAnswer:
    _, tickets, *pairs = reply
    return moves.SettleAnswer({text(k): text(v) for k, v in zip(pairs[::2], pairs[1::2], strict=True)}, tickets)


def reaped(reply: list[Any]) -> moves.Reaped:
    if not reply[1]:
        return moves.Reaped(ran=False)
    return moves.Reaped(True, bool(reply[2]), *reply[3:])


def beat(reply: list[Any]) -> moves.BeatAnswer:
    """Waiting, tickets to publish, whose turn it is."""
    _, waiting, repair, my_turn = reply
    return moves.BeatAnswer(waiting, repair, bool(my_turn))


def worker(row: list[Any]) -> moves.WorkerInfo:
    name, state, version, since, batch, problem = row
    return moves.WorkerInfo(text(name), moves.WorkerState(text(state)), text(version), since, batch, text(problem))


def record(task_id: str, view: list[Any]) -> Record | None:
    """Reads the fields of VIEW in lib.lua, then the position and the time to it."""
    if not view:
        return None
    *fields, position, starts_in_ms = view
    state, seq, epoch, attempts, suspect, match_id, created, begun, ended, run_ms, version, result, error = map(text, fields)
    return Record(
        task_id=task_id,
        state=State(state),
        sequence=int(seq),
        epoch=int(epoch),
        attempts=int(attempts or 0),
        suspect=suspect == "1",
        entity_key=int(match_id) if match_id else None,
        created_ms=int(created or 0),
        begun_ms=int(begun or 0),
        ended_ms=int(ended or 0),
        run_ms=int(run_ms or 0),
        version=version,
        result=_result(task_id, result) if result else None,
        error=json.loads(error) if error else None,
        position=position if position >= 0 else None,
        starts_in_ms=starts_in_ms if starts_in_ms >= 0 else None,
    )


def _result(task_id: str, held: str) -> Any:
    return result_reference(task_id, held) or json.loads(held)


def dead_letters(reply: list[Any]) -> DeadLetters:
    _, ended, task_id, *rows = reply
    items = tuple(_dead(text(row[0]), row[1:]) for row in rows)
    return DeadLetters(items, Place(int(ended), text(task_id)) if ended else None)


def dead_letter(task_id: str, values: list[Any]) -> DeadLetter | None:
    return _dead(task_id, values) if values else None


def _dead(task_id: str, values: list[Any]) -> DeadLetter:
    """The fields of a row in dead_letters.lua; dead_letter.lua adds the input and the history."""
    match_id, created, ended, attempts, epoch, error, trace, *whole = map(text, values)
    return DeadLetter(
        task_id=task_id,
        entity_key=int(match_id) if match_id else None,
        created_ms=int(created),
        ended_ms=int(ended),
        attempts=int(attempts),
        epoch=int(epoch),
        error=json.loads(error) if error else None,
        trace_id=trace,
        input=json.loads(whole[0]) if whole and whole[0] else None,
        history=tuple(Run(**json.loads(line)) for line in whole[1].splitlines()) if whole else (),
    )
