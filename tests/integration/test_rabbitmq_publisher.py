"""A gateway's publisher on a real RabbitMQ: it answers in time, whatever the broker does."""

import asyncio
import re
import shlex
import signal
from collections.abc import Awaitable, Callable

import amqp
import pytest

from inference.broker.celery_config import queue_name
from inference.broker.factory import ticket_publisher
from inference.broker.protocols import TicketPublisher
from inference.errors import BrokerUnavailable, Misconfigured
from inference.retry import retry_until_async
from testkit.rabbitmq import RabbitMQ
from testkit.servers import Valkey, free_port
from testkit.stack import ROOT

pytestmark = pytest.mark.rabbitmq

MODEL = "fault"
QUEUE = queue_name("inference", MODEL)
TIMEOUT_S = 2.0
Work = Callable[[TicketPublisher], Awaitable[None]]


def using(url: str, *works: Work, key_prefix: str = "inference") -> None:
    """Does some work with one publisher, each on the same event loop."""

    async def work() -> None:
        publisher = ticket_publisher(url, key_prefix, TIMEOUT_S)
        try:
            for one in works:
                await one(publisher)
        finally:
            await publisher.close()

    asyncio.run(work())


async def check(publisher: TicketPublisher) -> None:
    await publisher.check((MODEL,))


async def publish(publisher: TicketPublisher) -> None:
    await publisher.publish(MODEL, 1)


async def is_refused(publisher: TicketPublisher) -> None:
    with pytest.raises(BrokerUnavailable):
        await publisher.publish(MODEL, 1)


async def is_taken_soon(publisher: TicketPublisher) -> None:
    """A quorum queue has no leader for a moment after its broker came back."""
    await retry_until_async(
        lambda: publisher.publish(MODEL, 1), BrokerUnavailable, timeout_s=60, pause_s=0.1
    )


def doing(call: Callable[[], object]) -> Work:
    """Does something else between; not on a thread, with whose end what it started would end."""

    async def work(_: TicketPublisher) -> None:
        call()

    return work


def test_tickets_stand_in_a_quorum_queue(rabbitmq: RabbitMQ) -> None:
    async def publish_many(publisher: TicketPublisher) -> None:
        await publisher.publish(MODEL, 100)

    using(rabbitmq.url(), check, publish_many)
    assert rabbitmq.depth(QUEUE) == 100
    assert "quorum" in rabbitmq.ctl("list_queues", "name", "type")


def test_a_queue_that_was_deleted_is_made_again_with_its_tickets(rabbitmq: RabbitMQ) -> None:
    using(rabbitmq.url(), publish, doing(lambda: rabbitmq.delete(QUEUE)), publish)
    assert rabbitmq.depth(QUEUE) == 1


def test_a_broker_that_restarts_gets_tickets_over_a_new_connection(rabbitmq: RabbitMQ) -> None:
    using(
        rabbitmq.url(),
        publish,
        doing(rabbitmq.kill),
        is_refused,
        is_refused,
        doing(rabbitmq.start),
        is_taken_soon,
    )
    assert rabbitmq.depth(QUEUE) >= 2, "a quorum queue keeps what it confirmed"


def test_a_broker_that_stands_still_holds_nobody_up(rabbitmq: RabbitMQ) -> None:
    using(
        rabbitmq.url(),
        publish,
        doing(lambda: rabbitmq.signal(signal.SIGSTOP)),
        is_refused,
        is_refused,
        doing(lambda: rabbitmq.signal(signal.SIGCONT)),
        is_taken_soon,
    )


def test_a_broker_with_an_alarm_holds_nobody_up_and_is_said(rabbitmq: RabbitMQ) -> None:
    async def is_blocked(publisher: TicketPublisher) -> None:
        with pytest.raises(BrokerUnavailable, match="an alarm of its memory or disk"):
            await publisher.publish(MODEL, 1)

    using(
        rabbitmq.url(),
        publish,
        doing(rabbitmq.raise_alarm),
        is_blocked,
        is_blocked,
        doing(rabbitmq.end_alarm),
        is_taken_soon,
    )


def test_the_next_host_is_taken_where_one_does_not_answer(rabbitmq: RabbitMQ) -> None:
    other = f"@127.0.0.1:{free_port()},127.0.0.1:"
    using(rabbitmq.url().replace("@127.0.0.1:", other), check, publish)


def test_what_can_not_be_mended_by_trying_again_is_one_sentence(
    rabbitmq: RabbitMQ, valkey: Valkey
) -> None:
    good = rabbitmq.url()
    refused: dict[str, str] = {
        rabbitmq.url(password="wrong"): "refused the user inference or its password",
        rabbitmq.url("elsewhere"): "has no virtual host elsewhere",
        good.replace("amqp://", "amqps://"): "speaks no TLS",
    }
    for url, sentence in refused.items():
        with pytest.raises(Misconfigured, match=sentence):
            using(url, check)
    with pytest.raises(BrokerUnavailable, match="may be no RabbitMQ"):
        using(valkey.url().replace("redis", "amqp"), check)
    with pytest.raises(BrokerUnavailable):
        using(good.replace(str(rabbitmq.port), "1"), check)


def test_a_queue_that_others_declared_is_one_sentence(rabbitmq: RabbitMQ) -> None:
    with rabbitmq.connection() as connection, connection.channel() as channel:
        channel.queue_declare(QUEUE, durable=True, auto_delete=False)
    with pytest.raises(Misconfigured, match="exists on RabbitMQ with other arguments"):
        using(rabbitmq.url(), check)
    with pytest.raises(BrokerUnavailable, match="exists on RabbitMQ with other arguments"):
        using(rabbitmq.url(), publish)


def test_the_rights_of_the_documentation_are_enough(rabbitmq: RabbitMQ) -> None:
    text = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    (line,) = re.findall(r"rabbitmqctl (set_permissions -p jobs inference .*)`", text)
    _, _, _, _, *rights = shlex.split(line)
    rabbitmq.ctl("add_user", "least", "least")
    rabbitmq.ctl("set_permissions", "least", *rights)
    url = f"amqp://least:least@127.0.0.1:{rabbitmq.port}"
    using(url, check, publish)
    settings = {"host": f"127.0.0.1:{rabbitmq.port}", "userid": "least", "password": "least"}
    with amqp.Connection(**settings) as connection, connection.channel() as channel:
        assert channel.basic_get(QUEUE) is not None, "what a worker needs"
        with pytest.raises(amqp.AccessRefused):
            channel.queue_declare("another", durable=True)
    with pytest.raises(Misconfigured, match="does not let the user least configure"):
        using(url, lambda publisher: publisher.check(("another",)), key_prefix="another")
