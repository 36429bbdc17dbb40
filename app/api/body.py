"""Reading a body and making a checked request of it, without trusting a byte. What is wrong is a `Problem` that names the field."""

import asyncio
import json
from collections.abc import Collection
from typing import Any

import orjson
from starlette.requests import ClientDisconnect, Request

from app.api.preferences import idempotency_key, trace_id, wants_fresh
from app.api.problems import Kind, Problem, invalid, unknown_model
from app.api.receiving import Room
from app.cards import Registered
from app.contract.schema import MOST_ERRORS, FieldError, shown
from app.registry import Registry
from app.service import Asked

FIELDS = frozenset({"match_id", "features", "params", "model", "priority", "time_to_start_s"})
HIGHEST_PRIORITY = 9
_MOST_READ_TWICE = 65_536


async def read_body(request: Request, max_bytes: int, within_s: float, room: Room) -> bytes:
    """Returns a body that says it is JSON, of at most so many bytes and in so many seconds, with room until `room` is closed."""
    media = request.headers.get("content-type", "")
    if media != "application/json" and media.partition(";")[0].strip(" \t").lower() != "application/json":
        raise Problem(Kind.MEDIA, "Content-Type must be application/json")
    told = request.headers.get("content-length", "")
    told_bytes = int(told) if told.isdigit() else 0
    if told_bytes > max_bytes:
        raise _too_large(max_bytes)
    await room.for_body(told_bytes)
    try:
        async with asyncio.timeout(within_s):
            return await _read(request, max_bytes, room)
    except TimeoutError:
        raise Problem(Kind.SLOW, f"The body must come within {within_s:g} s", {"Connection": "close"}) from None


def parsed(raw: bytes, max_depth: int) -> tuple[Any, Problem | None]:
    """Returns what a body says, and the problem it still is when only a lenient reader could read it (NaN, infinities)."""
    try:
        body, problem = orjson.loads(raw), None
    except orjson.JSONDecodeError as error:
        body, problem = _read_leniently(raw, error, max_depth)
    if raw.count(b"[") + raw.count(b"{") > max_depth and _deeper(body, max_depth):
        raise _too_deep(max_depth)
    return body, problem


async def _read(request: Request, max_bytes: int, room: Room) -> bytes:
    chunks, size = [], 0
    try:
        async for chunk in request.stream():
            size += len(chunk)
            if size > max_bytes:
                raise _too_large(max_bytes)
            room.for_more(size)
            chunks.append(chunk)
    except ClientDisconnect:
        raise Problem(Kind.BAD_REQUEST, "The body ended before its end") from None
    return b"".join(chunks)


def _too_large(max_bytes: int) -> Problem:
    return Problem(Kind.TOO_LARGE, f"The body may have {max_bytes} bytes at most")


def _too_deep(max_depth: int) -> Problem:
    return invalid([FieldError("body", f"must not be nested deeper than {max_depth}")])


def _read_leniently(raw: bytes, error: orjson.JSONDecodeError, max_depth: int) -> tuple[Any, Problem]:
    """NaN and infinities are no JSON; they are read all the same so that the answer can name the field that has them.

    Half a surrogate pair would be read as well, and is in no answer: what has one is not read.
    """
    if "depth limit" in error.msg:
        raise _too_deep(max_depth) from error
    problem = Problem(Kind.BAD_REQUEST, f"The body is not JSON: {error.msg} at byte {error.pos}")
    if len(raw) > _MOST_READ_TWICE:
        raise problem from error
    try:
        body = json.loads(raw)
        json.dumps(body, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        raise problem from error
    return body, problem


def _deeper(body: Any, most: int) -> bool:
    """Says whether containers are nested deeper than `most`, looking at one level after the other."""
    level = [body]
    for _ in range(most + 1):
        level = [part for whole in level for part in _parts(whole) if type(part) is list or type(part) is dict]
        if not level:
            return False
    return True


def _parts(whole: Any) -> Collection[Any]:
    return whole.values() if type(whole) is dict else whole if type(whole) is list else ()


def chosen_pool(body: Any, registry: Registry) -> str:
    """Returns the pool that a body asks for, which may not be served now."""
    if type(body) is not dict:
        raise invalid([FieldError("body", "must be an object")])
    pool = registry.pool_of(body.get("model", registry.default))
    if not pool:
        raise unknown_model(registry.names)
    return pool


def checked(request: Request, body: dict[str, Any], raw: bytes, model: Registered, longest_to_start_s: float) -> Asked:
    """Returns the request; raises a `Problem` that names every field that is wrong."""
    errors = [FieldError(shown(name), "is not a field of this request") for name in sorted(body.keys() - FIELDS)[:MOST_ERRORS]]
    match_id = body.get("match_id")
    if "match_id" in body and (type(match_id) is not int or not -(2**63) <= match_id < 2**63):
        errors.append(FieldError("match_id", "must be an integer of 64 bits"))
    if "features" in body:
        errors += model.features.errors(body["features"])
    elif match_id is None or not model.knows_matches:
        errors.append(FieldError("features", "is missing"))
    if "params" in body:
        errors += model.params.errors(body["params"])
    priority, to_start_s = body.get("priority", 0), body.get("time_to_start_s", 0)
    if type(priority) is not int or not 0 <= priority <= HIGHEST_PRIORITY:
        errors.append(FieldError("priority", f"must be an integer from 0 to {HIGHEST_PRIORITY}"))
    if "time_to_start_s" in body and not _is_time(to_start_s, longest_to_start_s):
        errors.append(FieldError("time_to_start_s", f"must be a number above 0 and at most {longest_to_start_s:g}"))
    if errors:
        raise invalid(errors[:MOST_ERRORS])
    return Asked(
        model=model.name,
        features=body.get("features"),
        body=raw,
        match_id=match_id,
        params=body.get("params"),
        idempotency_key=idempotency_key(request.headers),
        fresh=wants_fresh(request.headers),
        priority=priority,
        time_to_start_s=to_start_s,
        trace_id=trace_id(request.headers),
    )


def _is_time(value: Any, longest_s: float) -> bool:
    """NaN is no time: it fails the comparison."""
    return type(value) in (int, float) and 0 < value <= longest_s
