"""RabbitMQ over TLS with a private authority and client certificates."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import redis

from inference.broker.celery_config import queue_name
from inference.broker.factory import ticket_publisher
from inference.errors import BrokerUnavailable, Misconfigured
from testkit.certificates import Authority
from testkit.rabbitmq import RabbitMQ
from testkit.servers import Valkey, free_port
from testkit.stack import Client, Stack
from testkit.waiting import until
from tests.integration.conftest import start
from tests.integration.refusals import without_patience, worker

pytestmark = pytest.mark.rabbitmq

QUEUE = queue_name("inference", "fault")


@dataclass
class Secure:
    """A RabbitMQ that takes TLS with a client's certificate on one port, and plain on another."""

    broker: RabbitMQ
    port: int
    good: Authority
    stranger: Authority

    def url(self, ca: Authority, client: Path | None, *hosts: str) -> str:
        """Returns the URL of the port with TLS; `client` is the folder of its certificate.

        `hosts` go before its own.
        """
        address = ",".join([*hosts, f"127.0.0.1:{self.port}"])
        url = self.broker.url().replace("amqp://", "amqps://")
        url = url.replace(f"127.0.0.1:{self.broker.port}", address)
        files = {"ssl_ca_certs": ca.ca}
        if client is not None:
            files |= {
                "ssl_certfile": client / "client.pem",
                "ssl_keyfile": client / "client.key",
            }
        return f"{url}?{'&'.join(f'{name}={file}' for name, file in files.items())}"


@pytest.fixture(scope="module")
def secure(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secure]:
    folder = tmp_path_factory.mktemp("secure-rabbitmq")
    good, stranger = Authority(folder / "good"), Authority(folder / "stranger", "another CA")
    certificate, key = good.issue("server", "127.0.0.1")
    for authority in (good, stranger):
        authority.issue("client")
    good.issue("expired", expired=True)
    port = free_port()
    broker = RabbitMQ(
        folder / "rabbitmq",
        f"listeners.ssl.1 = 127.0.0.1:{port}",
        f"ssl_options.cacertfile = {good.ca}",
        f"ssl_options.certfile = {certificate}",
        f"ssl_options.keyfile = {key}",
        "ssl_options.verify = verify_peer",
        "ssl_options.fail_if_no_peer_cert = true",
    )
    broker.start()
    yield Secure(broker, port, good, stranger)
    broker.stop()


@pytest.fixture(scope="module")
def mounted(tmp_path_factory: pytest.TempPathFactory, secure: Secure) -> Path:
    """The folder in which the service has its certificate."""
    folder = tmp_path_factory.mktemp("mounted")
    install(secure.good, "client", folder)
    return folder


def install(authority: Authority, name: str, folder: Path) -> None:
    """Puts a certificate and its key where the service reads its own."""
    for kind in ("pem", "key"):
        (folder / f"client.{kind}").write_bytes((authority.folder / f"{name}.{kind}").read_bytes())


@pytest.fixture(scope="module")
def stack(
    secure: Secure,
    mounted: Path,
    fault_registry: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Stack]:
    folder = tmp_path_factory.mktemp("stack")
    valkey = Valkey(folder / "valkey")
    valkey.start()
    url = secure.url(secure.good, mounted, f"127.0.0.1:{free_port()}")
    made = Stack(folder, valkey, fault_registry, "fault", {"BROKER_URL": url})
    try:
        start(made, gateways=1, workers=1)
        yield made
    finally:
        made.stop()
        valkey.kill()


def predicts(client: Client) -> None:
    for value in range(3):
        answer = client.post("/predict/", {"features": {"do": "answer", "value": value}})
        assert answer.json()["result"]["value"] == value, answer.text


def test_the_service_predicts_over_tls_and_passes_over_a_host_that_is_away(stack: Stack) -> None:
    predicts(stack.client())
    assert not stack.gateways[0].events("broker.down")


def test_certificates_that_are_replaced_are_read_at_the_next_connection(
    secure: Secure, mounted: Path, stack: Stack
) -> None:
    """First by one that has expired, which the broker refuses; then by a good one."""
    client, (gateway,), (worker,) = stack.client(), stack.gateways, stack.workers
    predicts(client)
    failed = len(gateway.events("tickets.failing"))
    install(secure.good, "expired", mounted)
    secure.broker.ctl("close_all_connections", "a test")
    task_id = client.submit({"do": "answer", "value": 7})

    def refused() -> bool:
        """A ticket that is left would do for the record, and the gateway send none."""
        miss_a_ticket(stack)
        return len(gateway.events("tickets.failing")) > failed

    until(refused, "the gateway to be refused", step_s=0.5)
    until(lambda: not secure.broker.consumers(QUEUE), "the worker to be refused")
    install(secure.good, "client", mounted)
    assert client.ended(task_id)["status"] == "success"
    until(lambda: flows(stack), "tickets to flow from the gateway", step_s=0.5)
    assert [process.died() for process in (gateway, worker)] == [False, False]


def miss_a_ticket(stack: Stack) -> None:
    """Has the store forget how many tickets were sent, so that the next round sends one."""
    with redis.Redis(port=stack.valkey.port) as store:
        store.hset("{inference:fault}:meta", "tickets", 0)


def flows(stack: Stack) -> bool:
    """Has the gateway publish a ticket, and says whether it has got one through by now."""
    miss_a_ticket(stack)
    predicts(stack.client())
    return bool(stack.gateways[0].events("tickets.flowing"))


def test_a_server_that_can_not_be_trusted_is_one_sentence_of_gateways_and_workers(
    secure: Secure, valkey: Valkey
) -> None:
    url = secure.url(secure.stranger, secure.good.folder)
    with pytest.raises(Misconfigured, match="no TLS with RabbitMQ"):
        asyncio.run(look(url))
    assert "no TLS with RabbitMQ" in worker(without_patience(valkey) | {"BROKER_URL": url})


def test_a_client_that_the_server_does_not_take_is_told_so(secure: Secure, valkey: Valkey) -> None:
    """The server may close the connection before its reason arrives, so it may be an outage."""
    plain = secure.url(secure.good, secure.good.folder).replace("amqps", "amqp").split("?")[0]
    for url in (
        secure.url(secure.good, secure.stranger.folder),
        secure.url(secure.good, None),
        plain,
    ):
        with pytest.raises((Misconfigured, BrokerUnavailable)) as refused:
            asyncio.run(look(url))
        assert "TLS" in str(refused.value)
        assert "TLS" in worker(without_patience(valkey) | {"BROKER_URL": url})


async def look(url: str) -> None:
    publisher = ticket_publisher(url, "inference", 5.0)
    try:
        await publisher.check(("fault",))
    finally:
        await publisher.close()
