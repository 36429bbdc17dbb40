"""A private CA by one setting, CA_BUNDLE: it reaches every server that the service calls."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx2
import pytest
from kombu.connection import Connection

from inference.broker.redis_broker import connection_settings
from testkit.certificates import Authority
from testkit.collector import Collector
from testkit.rabbitmq import RabbitMQ
from testkit.servers import ObjectStore, Valkey, free_port
from testkit.stack import Stack
from testkit.tls_proxy import TlsProxy
from testkit.waiting import until
from tests.integration.conftest import start
from tests.integration.refusals import Program, gateway, worker
from worker.celery_edge.transports import use_our_transports

BUCKET = "payloads"
NOTE = "x" * 100_000
"""More than PAYLOAD_THRESHOLD_BYTES."""


@dataclass
class Company:
    """Servers behind TLS, whose certificates one CA issued that no machine knows."""

    authority: Authority
    valkey: Valkey
    objects: ObjectStore
    collector: Collector
    ports: dict[str, int]

    def env(self) -> dict[str, str]:
        """Returns the settings of the programs, without the CA."""
        at = {name: f"127.0.0.1:{port}" for name, port in self.ports.items()}
        where = f"endpoint_override={at['objects']}&scheme=https&region=us-east-1"
        return {
            "STORE_URL": f"rediss://{at['valkey']}/0",
            "BROKER_URL": f"rediss://{at['valkey']}/1",
            "MLFLOW_TRACKING_URI": f"https://{at['mlflow']}",
            "PAYLOAD_URL": f"s3://key:secret@{BUCKET}/large?{where}",
            "OTEL_EXPORTER_OTLP_ENDPOINT": f"https://{at['collector']}",
            "OTEL_BSP_SCHEDULE_DELAY": "100",
        }


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory, fault_registry: str) -> Iterator[Company]:
    folder = tmp_path_factory.mktemp("company")
    valkey, objects = Valkey(folder / "valkey"), ObjectStore(folder / "objects")
    valkey.start()
    objects.start(BUCKET)
    with Collector() as collector:
        targets = {
            "valkey": valkey.port,
            "mlflow": int(fault_registry.rpartition(":")[2]),
            "objects": objects.port,
            "collector": collector.server_port,
        }
        ports = {name: free_port() for name in targets}
        authority = Authority(folder / "tls", "company CA")
        by_port = {ports[name]: target for name, target in targets.items()}
        proxy = TlsProxy(authority, by_port, any_client=True)
        proxy.start()
        yield Company(authority, valkey, objects, collector, ports)
        proxy.kill()
    objects.stop()
    valkey.kill()


def predicts(stack: Stack) -> str:
    """Has a large input predicted, and returns the task's id."""
    start(stack, gateways=1, workers=1)
    answer = stack.client().post("/predict/", {"features": {"do": "echo", "note": NOTE}})
    assert (answer.status_code, answer.json()["result"]) == (200, NOTE)
    return str(answer.json()["task_id"])


def test_store_broker_registry_object_store_and_collector_are_trusted_by_one_setting(
    company: Company, fault_registry: str, tmp_path: Path
) -> None:
    env = company.env() | {"CA_BUNDLE": str(company.authority.ca)}
    stack = Stack(tmp_path, company.valkey, fault_registry, "fault", env)
    try:
        task_id = predicts(stack)
        kept = httpx2.get(f"http://127.0.0.1:{company.objects.port}/{BUCKET}").text
        assert task_id in kept, "the payload is in the object store"
        services = {"inference-gateway", "inference-worker"}
        until(
            lambda: services <= {span.service for span in company.collector.spans()},
            "traces of gateway and worker",
        )
    finally:
        stack.stop()


@pytest.mark.rabbitmq
def test_so_is_a_rabbitmq(
    company: Company, fault_registry: str, rabbitmq_server: RabbitMQ, tmp_path: Path
) -> None:
    port = free_port()
    proxy = TlsProxy(company.authority, {port: rabbitmq_server.port}, any_client=True)
    proxy.start()
    url = rabbitmq_server.url().replace("amqp://", "amqps://")
    env = company.env() | {
        "BROKER_URL": url.replace(f":{rabbitmq_server.port}", f":{port}"),
        "CA_BUNDLE": str(company.authority.ca),
        "KEY_PREFIX": "company",
    }
    stack = Stack(tmp_path, company.valkey, fault_registry, "fault", env)
    try:
        predicts(stack)
    finally:
        stack.stop()
        proxy.kill()
        rabbitmq_server.mend("company.fault")


@pytest.mark.parametrize("program", [gateway, worker])
def test_without_the_setting_no_server_of_that_ca_is_trusted(
    company: Company, program: Program
) -> None:
    said = program(company.env() | {"START_TIMEOUT_S": "60"})
    assert "the certificate of the store at STORE_URL can't be trusted" in said
    assert "CA_BUNDLE" in said


@pytest.mark.parametrize("program", [gateway, worker])
def test_a_bundle_that_can_not_be_used_ends_the_program_with_a_sentence(
    company: Company, program: Program, tmp_path: Path
) -> None:
    empty = tmp_path / "empty.pem"
    empty.write_text("nothing")
    for bundle, sentence in ((empty, "holds no certificate"), (tmp_path / "no.pem", "No such")):
        said = program(company.env() | {"CA_BUNDLE": str(bundle)})
        assert f"CA_BUNDLE: {bundle}" in said
        assert sentence in said


def test_kombu_trusts_the_ca_that_a_url_names_and_no_other(
    company: Company, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """redis-py's own connections, which kombu would take, trust the machine's as well."""
    monkeypatch.setenv("SSL_CERT_FILE", str(company.authority.ca))
    use_our_transports()
    stranger = Authority(tmp_path).ca

    def reach(url: str) -> None:
        told = connection_settings(url, "inference.fault")
        options = told["broker_transport_options"]
        with Connection(  # type: ignore[no-untyped-call]
            told["broker_url"], ssl=told["broker_use_ssl"], transport_options=options
        ) as connection:
            connection.channel().close()

    url = company.env()["BROKER_URL"]
    reach(url)
    with pytest.raises(Exception, match="certificate verify failed"):
        reach(f"{url}?ssl_ca_certs={stranger}")
    assert os.environ["SSL_CERT_FILE"] == str(company.authority.ca)
