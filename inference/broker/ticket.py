"""The ticket as a message: how one is written, and how one is told from all else.

A message in the queue may be anybody's. So a worker keeps two things of it, its id and where its
trace comes from, and hands Celery a ticket that it wrote itself. Nothing else of a message reaches
Celery, and a message that is no ticket does not reach it at all.

A ticket is Celery's message protocol 2, an empty call of TASK_NAME. A stock client's is one too.
Source: https://docs.celeryq.dev/en/stable/internals/protocol.html
"""

import base64
import binascii
import math
import re
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import orjson

TASK_NAME = "inference.run"
CONTENT_TYPE, CONTENT_ENCODING = "application/json", "utf-8"
NO_CALLBACKS = {"callbacks": None, "errbacks": None, "chain": None, "chord": None}
BODY = orjson.dumps([[], {}, NO_CALLBACKS])
MAX_TICKET_BYTES = 16 * 2**10
"""A ticket has less than one KiB. The rest is for headers that a client's tools add."""

_ID = re.compile(r"[!-~]{1,255}")
"""What AMQP carries as a correlation id, and what a log line shows as it is."""
_TRACE_HEADERS = {"traceparent": 64, "tracestate": 512, "baggage": 4096}
"""The headers of a trace, with the longest that is kept."""
_ANOTHER_CALL = ("group", "group_index", "chord", "chain", "callbacks", "errbacks")


class NoTicket(StrEnum):
    """Why a message is no ticket: few words, since each is a label of a metric."""

    TOO_LARGE = "too_large"
    NOT_JSON = "not_json"
    COMPRESSED = "compressed"
    CONTENT_TYPE = "content_type"
    NOT_A_TICKET = "not_a_ticket"
    ANOTHER_TASK = "another_task"
    BAD_ID = "bad_id"
    TIMED = "timed"
    CALLBACKS = "callbacks"
    RETRIED = "retried"
    WRONG_TYPE = "wrong_type"
    """Redis: the key of the queue, or one of kombu's beside it, holds another type of value."""


@dataclass(frozen=True, slots=True)
class Ticket:
    """All that is kept of a message."""

    id: str
    trace: dict[str, str] = field(default_factory=dict)

    def headers(self) -> dict[str, Any]:
        """Returns the headers of the message that Celery gets."""
        return ticket_headers(self.id) | self.trace


def ticket_headers(task_id: str) -> dict[str, Any]:
    """Returns the headers of a ticket."""
    return {
        "lang": "py",
        "task": TASK_NAME,
        "id": task_id,
        "root_id": task_id,
        "parent_id": None,
        "group": None,
        "retries": 0,
        "eta": None,
        "expires": None,
        "timelimit": [None, None],
        "argsrepr": "()",
        "kwargsrepr": "{}",
        "origin": "gateway",
        "ignore_result": True,
    }


def redis_form(headers: dict[str, Any], queue: str, delivery_tag: str) -> dict[str, Any]:
    """Returns a ticket as kombu's Redis transport lays a message out, before it is JSON."""
    properties = {
        "correlation_id": headers["id"],
        "reply_to": "",
        "delivery_mode": 2,
        "priority": 0,
        "body_encoding": "base64",
        "delivery_tag": delivery_tag,
        "delivery_info": {"exchange": "", "routing_key": queue},
    }
    return {
        "body": base64.b64encode(BODY).decode(),
        "content-encoding": CONTENT_ENCODING,
        "content-type": CONTENT_TYPE,
        "headers": headers,
        "properties": properties,
    }


def read_redis_item(item: bytes) -> Ticket | NoTicket:
    """Reads an element of a queue's list."""
    if len(item) > MAX_TICKET_BYTES:
        return NoTicket.TOO_LARGE
    try:
        return read_redis_form(orjson.loads(item))
    except ValueError:
        return NoTicket.NOT_JSON


def read_redis_form(message: Any) -> Ticket | NoTicket:
    """Reads a message that is laid out as kombu's Redis transport does."""
    match message:
        case {"headers": dict(headers), "properties": dict(properties), "body": str(text)}:
            pass
        case _:
            return NoTicket.NOT_A_TICKET
    try:
        match properties.get("body_encoding"):
            case "base64":
                body = base64.b64decode(text, validate=True)
            case None | "utf-8":
                body = text.encode()
            case _:
                return NoTicket.CONTENT_TYPE
    except (binascii.Error, ValueError):
        return NoTicket.NOT_JSON
    return read_ticket(headers, message.get("content-type"), message.get("content-encoding"), body)


def read_ticket(
    headers: Any, content_type: Any, content_encoding: Any, body: Any
) -> Ticket | NoTicket:
    """Reads a message of protocol 2, its body as the broker had it.

    Nothing is decompressed, and nothing is decoded above MAX_TICKET_BYTES.
    """
    if not isinstance(headers, dict):
        return NoTicket.NOT_A_TICKET
    reason = _read_headers(headers)
    if reason is None and (content_type, content_encoding) != (CONTENT_TYPE, CONTENT_ENCODING):
        reason = NoTicket.CONTENT_TYPE
    reason = reason or _read_body(body)
    return reason or Ticket(headers["id"], _trace_of(headers))


def _read_headers(headers: dict[Any, Any]) -> NoTicket | None:
    """Looks at those that ask for something. All others are left behind, whatever they say."""
    task, task_id = headers.get("task"), headers.get("id")
    asks = {
        NoTicket.NOT_A_TICKET: not isinstance(task, str),
        NoTicket.ANOTHER_TASK: task != TASK_NAME,
        NoTicket.COMPRESSED: headers.get("compression") is not None,
        NoTicket.BAD_ID: not (isinstance(task_id, str) and _ID.fullmatch(task_id)),
        NoTicket.TIMED: _is_timed(headers),
        NoTicket.CALLBACKS: any(headers.get(name) not in (None, []) for name in _ANOTHER_CALL),
        # Celery counts its own retries here; ours are counted in the record.
        NoTicket.RETRIED: headers.get("retries") not in (None, 0),
    }
    return next((reason for reason, is_so in asks.items() if is_so), None)


def _is_timed(headers: dict[Any, Any]) -> bool:
    """Whether it is for later, or for some time only.

    Run limits may be there, since Celery's client adds its own. They count for nothing here.
    """
    if headers.get("eta") is not None or headers.get("expires") is not None:
        return True
    match headers.get("timelimit"):
        case None:
            return False
        case [hard, soft]:
            return not (_is_limit(hard) and _is_limit(soft))
        case _:
            return True


def _is_limit(value: Any) -> bool:
    return value is None or (type(value) in (int, float) and 0 < value < math.inf)


def _read_body(body: Any) -> NoTicket | None:
    if not isinstance(body, bytes):
        return NoTicket.NOT_JSON
    if len(body) > MAX_TICKET_BYTES:
        return NoTicket.TOO_LARGE
    try:
        content = orjson.loads(body)
    except ValueError:
        return NoTicket.NOT_JSON
    match content:
        case [[], dict(kwargs), dict(embed)] if not kwargs and embed.keys() <= NO_CALLBACKS.keys():
            return NoTicket.CALLBACKS if any(embed.values()) else None
        case _:
            return NoTicket.NOT_A_TICKET


def _trace_of(headers: dict[Any, Any]) -> dict[str, str]:
    return {
        name: value
        for name, limit in _TRACE_HEADERS.items()
        if isinstance(value := headers.get(name), str) and len(value) <= limit
    }
