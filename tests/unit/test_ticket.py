"""A ticket is told from every other message, and nothing but a ticket reaches Celery."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from celery import Celery
from celery.worker.request import Request
from hypothesis import example, given
from hypothesis import strategies as st
from kombu.connection import Connection
from kombu.transport.virtual import Channel

from inference.broker.redis_publisher import ticket
from inference.broker.ticket import (
    MAX_TICKET_BYTES,
    TASK_NAME,
    NoTicket,
    Ticket,
    read_redis_item,
    redis_form,
)
from testkit.hostile_messages import HOSTILE, good, with_headers

TRACE = {"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}
ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


@pytest.fixture(scope="module")
def app() -> Iterator[Celery]:
    app = Celery("of-the-test", broker="memory://", set_as_current=False)
    app.task(name=TASK_NAME)(no_work)
    app.conf.task_time_limit = 60.0
    app.finalize()
    yield app
    app.close()


def no_work() -> None:
    """The task that a request is made for."""


def read(item: bytes) -> Ticket:
    ticket = read_redis_item(item)
    assert isinstance(ticket, Ticket), ticket
    return ticket


def test_what_a_gateway_publishes_is_a_ticket() -> None:
    item = ticket("inference.fault")
    assert read(item) == Ticket(json.loads(item)["headers"]["id"])


@pytest.mark.parametrize("headers", [{}, TRACE])
def test_what_celery_s_client_sends_is_a_ticket(
    app: Celery, monkeypatch: pytest.MonkeyPatch, headers: dict[str, str]
) -> None:
    """A stock client, and that of a worker, which knows the task and so adds its run limit."""
    sent: list[dict[str, Any]] = []
    monkeypatch.setattr(
        Channel, "basic_publish", lambda _, message, *__, **___: sent.append(message)
    )
    with Connection("memory://") as connection:  # type: ignore[no-untyped-call]
        for ignore_result in (True, False):
            made = app.send_task(
                TASK_NAME, connection=connection, ignore_result=ignore_result, headers=headers
            )
            found = read(json.dumps(sent[-1]).encode())
            assert found == Ticket(made.id, headers)


@pytest.mark.parametrize(
    ("reason", "item"), [pytest.param(*what, id=name) for name, *what in HOSTILE]
)
def test_what_is_no_ticket_is_told_by_its_reason(reason: NoTicket, item: bytes) -> None:
    assert read_redis_item(item) == reason


def test_every_reason_of_a_message_has_an_example() -> None:
    assert {reason for _, reason, _ in HOSTILE} == {*NoTicket} - {NoTicket.WRONG_TYPE}


@pytest.mark.parametrize(
    "headers",
    [
        {"shadow": {"a": 1}, "argsrepr": 7, "root_id": [], "parent_id": "x", "origin": None},
        {"stamps": {"a": "b"}, "stamped_headers": ["a"], "replaced_task_nesting": 10**30},
        {"get": "x", "args": [1], "is_eager": True, "claim_id": "mine", "delivery_info": 7},
        {"traceparent": "x" * 65, "tracestate": ["a"], "baggage": None},
        {"timelimit": [60.5, 1]},
        {"group": None, "chain": [], "timelimit": None, "retries": None, "redelivered": True},
    ],
)
def test_what_a_ticket_says_beside_its_id_and_trace_is_left_behind(headers: dict[str, Any]) -> None:
    item = with_headers(**headers)
    assert read(item) == Ticket(json.loads(item)["headers"]["id"])


def test_the_trace_of_a_ticket_is_kept() -> None:
    assert read(with_headers(**TRACE)).headers().items() >= TRACE.items()


def test_a_ticket_may_be_of_some_size() -> None:
    room = MAX_TICKET_BYTES - len(with_headers(note=""))
    assert read(with_headers(note="x" * room))
    assert read_redis_item(with_headers(note="x" * (room + 1))) == NoTicket.TOO_LARGE


@given(data=st.data())
def test_whatever_passes_makes_a_request_of_celery(app: Celery, data: st.DataObject) -> None:
    message = good()
    for _ in range(data.draw(st.integers(1, 3))):
        spoil(message, data)
    accepted_by_celery(app, json.dumps(message).encode())


@given(item=st.binary() | ANY_JSON.map(json.dumps).map(str.encode))
@example(item=ticket("inference.fault"))
def test_any_bytes_are_read(app: Celery, item: bytes) -> None:
    accepted_by_celery(app, item)


def spoil(message: dict[str, Any], data: st.DataObject) -> None:
    """Changes, adds or removes something somewhere in a message."""
    holders = [message, *(part for part in message.values() if isinstance(part, dict))]
    holder = data.draw(st.sampled_from(holders))
    name = data.draw(st.sampled_from([*holder, "compression", "chain"]) | st.text())
    if data.draw(st.booleans()):
        holder.pop(name, None)
    else:
        holder[name] = data.draw(ANY_JSON)


def accepted_by_celery(app: Celery, item: bytes) -> None:
    """Celery takes a ticket as an empty call of our task, and as no more."""
    found = read_redis_item(item)
    if isinstance(found, NoTicket):
        return
    channel = type("Decodes", (Channel,), {"__init__": lambda _: None})()
    raw = json.loads(json.dumps(redis_form(found.headers(), "inference.fault", "tag")))
    request = Request(
        channel.Message(raw, channel=channel), app=app, task=app.tasks[TASK_NAME], hostname="w"
    )
    assert (request.id, request.name, request.args, request.kwargs) == (
        found.id,
        TASK_NAME,
        [],
        {},
    )
    assert (request.time_limits, request.eta, request.expires) == ([None, None], None, None)
