"""Reading a body, without trusting a byte. What is wrong is a `Problem` that names the field."""

import asyncio
from typing import Any

from starlette.requests import ClientDisconnect, Request

from app.checking.request_check import Refused, parsed
from app.http.body_memory import Reservation
from app.http.problems import Kind, Problem, invalid


async def read_body(
    request: Request, max_bytes: int, within_s: float, room: Reservation
) -> bytearray:
    """Reads the request body.

    Raises a `Problem`: 415 unless Content-Type is application/json, 413 above `max_bytes`, 408
    after `within_s` seconds. Its memory is reserved in `room` until that is closed.
    """
    media = request.headers.get("content-type", "")
    if (
        media != "application/json"
        and media.partition(";")[0].strip(" \t").lower() != "application/json"
    ):
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
        raise Problem(
            Kind.SLOW, f"The body must come within {within_s:g} s", {"Connection": "close"}
        ) from None


def small_body(raw: bytes | bytearray, max_depth: int) -> tuple[Any, Problem | None]:
    """Returns the parsed body and the problem it still is, if any.

    The problem is of a body that only a lenient reader could read (NaN, infinities).
    """
    try:
        body, unreadable = parsed(raw, max_depth)
    except Refused as refused:
        raise problem_of(refused) from refused
    return body, Problem(Kind.BAD_REQUEST, unreadable) if unreadable else None


def problem_of(refused: Refused) -> Problem:
    """Returns the answer to a body that was refused."""
    return invalid(refused.errors) if refused.errors else Problem(Kind.BAD_REQUEST, refused.detail)


async def _read(request: Request, max_bytes: int, room: Reservation) -> bytearray:
    body = bytearray()
    try:
        async for chunk in request.stream():
            size = len(body) + len(chunk)
            if size > max_bytes:
                raise _too_large(max_bytes)
            room.for_more(size)
            # Chunks joined at the end would be there twice, and hold the event loop for 10 ms.
            body += chunk
    except ClientDisconnect:
        raise Problem(Kind.BAD_REQUEST, "The body ended before its end") from None
    return body


def _too_large(max_bytes: int) -> Problem:
    return Problem(Kind.TOO_LARGE, f"The body may have {max_bytes} bytes at most")
