"""Messages that are no tickets, by what they try, each with the reason that it is dropped for.

They are in the form of kombu's Redis transport. `as_amqp` makes what AMQP can carry of one.
"""

import base64
import bz2
import json
import lzma
import pickle
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import amqp

from inference.broker.redis_publisher import ticket
from inference.broker.ticket import BODY, NoTicket

YEARS = "2090-01-01T00:00:00+00:00"
CALL: dict[str, Any] = {
    "task": "inference.run",
    "args": [],
    "kwargs": {},
    "options": {},
    "subtask_type": None,
}
BOMB = b"\0" * 2**22


def good(queue: str = "inference.fault") -> dict[str, Any]:
    """A ticket as a gateway publishes it, to be spoiled."""
    return dict(json.loads(ticket(queue)))


def with_headers(**headers: Any) -> bytes:
    """A ticket with other headers."""
    message = good()
    message["headers"] |= headers
    return json.dumps(message).encode()


def with_fields(**fields: Any) -> bytes:
    """A ticket with other fields beside its headers; hyphens are underscores."""
    return json.dumps(
        good() | {name.replace("_", "-"): value for name, value in fields.items()}
    ).encode()


def with_body(body: bytes) -> bytes:
    return with_fields(body=base64.b64encode(body).decode())


def without(*path: str) -> bytes:
    """A ticket that lacks something."""
    message = holder = good()
    for name in path[:-1]:
        holder = holder[name]
    del holder[path[-1]]
    return json.dumps(message).encode()


def compressed(name: str, body: bytes) -> bytes:
    message = json.loads(with_body(body))
    message["headers"]["compression"] = name
    return json.dumps(message).encode()


def protocol_1() -> bytes:
    """The call of a task as Celery 3 sent it: everything in the body."""
    body = {"task": "inference.run", "id": "one", "args": [], "kwargs": {}, "retries": 0}
    message = json.loads(with_body(json.dumps(body).encode()))
    message["headers"] = {}
    return json.dumps(message).encode()


def embedded(**embed: Any) -> bytes:
    return with_body(json.dumps([[], {}, embed]).encode())


Kind = tuple[str, NoTicket, bytes]
not_json, not_a_ticket = NoTicket.NOT_JSON, NoTicket.NOT_A_TICKET


def _no_messages() -> Iterator[Kind]:
    yield "nothing", not_json, b""
    yield "text", not_json, b"run, please"
    yield "invalid UTF-8", not_json, b'{"headers": "\xff\xfe"}'
    yield "half a ticket", not_json, ticket("inference.fault")[:-9]
    yield "deep lists", not_json, b"[" * 8_000
    yield "deep objects", not_json, b'{"a":' * 3_000
    yield "a number that is none", not_json, b'{"headers": NaN}'
    for text in (b"[]", b"7", b"null", b'"text"', b"{}", b"1e400", b"[" * 500 + b"]" * 500):
        yield f"JSON: {text[:9].decode()}", not_json if b"e4" in text else not_a_ticket, text
    yield "100 KB", NoTicket.TOO_LARGE, with_headers(note="x" * 100_000)
    yield "an id of 1 MB", NoTicket.TOO_LARGE, with_headers(id="x" * 2**20)


def _of_another_form() -> Iterator[Kind]:
    yield "no headers", not_a_ticket, without("headers")
    yield "headers: a list", not_a_ticket, with_fields(headers=[1])
    yield "headers: null", not_a_ticket, with_fields(headers=None)
    yield "no properties", not_a_ticket, without("properties")
    yield "properties: text", not_a_ticket, with_fields(properties="text")
    yield "no body", not_a_ticket, without("body")
    yield "body: an object", not_a_ticket, with_fields(body={"a": 1})
    yield "wrong base64", not_json, with_fields(body="W1tdLHt9L!")
    yield "odd base64", not_json, with_fields(body="W1tdL")
    yield "a body that is not JSON", not_json, with_body(b"run")
    yield "a body of bytes", not_json, with_body(b"\xff\x00")
    yield "a body of nothing", not_json, with_body(b"")
    yield "protocol 1", not_a_ticket, protocol_1()


def _other_calls() -> Iterator[Kind]:
    yield "no task", not_a_ticket, without("headers", "task")
    yield "task: a list", not_a_ticket, with_headers(task=["inference.run"])
    yield "another task", NoTicket.ANOTHER_TASK, with_headers(task="celery.backend_cleanup")
    yield "a task of the name's kind", NoTicket.ANOTHER_TASK, with_headers(task="inference.run ")
    yield "no id", NoTicket.BAD_ID, without("headers", "id")
    for task_id in (None, 7, {"a": 1}, ["a"], "", "x" * 256, "a b", "a\n", "\ud83d\ude00", True):
        yield f"id: {str(task_id)[:9]!r}", NoTicket.BAD_ID, with_headers(id=task_id)
    for eta in (YEARS, "soon", 4e9, {"a": 1}, "9" * 500, ""):
        yield f"eta: {str(eta)[:9]}", NoTicket.TIMED, with_headers(eta=eta)
        yield f"expires: {str(eta)[:9]}", NoTicket.TIMED, with_headers(expires=eta)
    for limit in (
        "soon",
        -1,
        [],
        [1],
        [1, 2, 3],
        [-5, None],
        [None, -5],
        ["1", 1],
        [None, True],
        {"a": 1},
        0,
    ):
        yield f"timelimit: {limit}", NoTicket.TIMED, with_headers(timelimit=limit)
    yield "timelimit: NaN", not_json, with_headers(timelimit=[float("nan"), None])
    for name in ("group", "group_index", "chord", "chain", "callbacks", "errbacks"):
        yield f"header {name}", NoTicket.CALLBACKS, with_headers(**{name: [CALL]})
    for name in ("chord", "chain", "callbacks", "errbacks"):
        yield f"body's {name}", NoTicket.CALLBACKS, embedded(**{name: [CALL]})
    yield "an id in the body", not_a_ticket, embedded(callbacks=None, claim_id="mine")
    yield "arguments", not_a_ticket, with_body(b"[[1], {}, {}]")
    yield "named arguments", not_a_ticket, with_body(b'[[], {"a": 1}, {}]')
    yield "a body too short", not_a_ticket, with_body(b"[[], {}]")
    for retries in (1, 2**70, -1, "1", [0]):
        yield f"retries: {retries}", NoTicket.RETRIED, with_headers(retries=retries)


def _encoded_otherwise() -> Iterator[Kind]:
    yield "zlib", NoTicket.COMPRESSED, compressed("application/x-gzip", zlib.compress(BODY))
    yield "zlib's bomb", NoTicket.COMPRESSED, compressed("zlib", zlib.compress(BOMB))
    yield "bzip2's bomb", NoTicket.COMPRESSED, compressed("bzip2", bz2.compress(BOMB))
    yield "lzma's bomb", NoTicket.COMPRESSED, compressed("lzma", lzma.compress(BOMB))
    yield "an unknown compression", NoTicket.COMPRESSED, compressed("none", BODY)
    yield "compression: a list", NoTicket.COMPRESSED, with_headers(compression=[1])
    yield "no content type", NoTicket.CONTENT_TYPE, without("content-type")
    yield "content type: a list", NoTicket.CONTENT_TYPE, with_fields(content_type=["a"])
    yield "utf-16", NoTicket.CONTENT_TYPE, with_fields(content_encoding="utf-16")
    yield "an unknown codec", NoTicket.CONTENT_TYPE, with_fields(properties={"body_encoding": "x"})
    yield (
        "pickle",
        NoTicket.CONTENT_TYPE,
        with_fields(
            content_type="application/x-python-serialize",
            content_encoding="binary",
            body=base64.b64encode(pickle.dumps([[], {}, {}])).decode(),
        ),
    )


HOSTILE = [*_no_messages(), *_of_another_form(), *_other_calls(), *_encoded_otherwise()]
"""Name, reason, element of the list."""


@dataclass(frozen=True)
class AmqpForm:
    """A message as AMQP carries it; `properties` are those beside the headers."""

    headers: dict[str, Any]
    properties: dict[str, Any]
    body: bytes


def as_amqp(item: bytes) -> AmqpForm | None:
    """Returns a list's element as a message of AMQP, or None where AMQP can't carry what is odd.

    There a message always has properties, a body of bytes and headers of a bounded size, and text
    that is no JSON may stand in the body alone.
    """
    try:
        message = json.loads(item, parse_constant=_refuse)
        if message["properties"]["body_encoding"] != "base64":
            return None
        headers, body = message["headers"], base64.b64decode(message["body"], validate=True)
        named = {
            "content_type": message.get("content-type"),
            "content_encoding": message.get("content-encoding"),
        }
        properties = {name: value for name, value in named.items() if value is not None}
        amqp.Message(application_headers=headers, **properties)._serialize_properties()
    except (ValueError, RecursionError, TypeError, LookupError, AttributeError, struct.error):
        return None
    return AmqpForm(headers, properties, body) if len(item) < 100_000 else None


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no JSON")
