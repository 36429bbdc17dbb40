"""The whole service by IPv6: it listens there, and reaches store, broker and registry there.

Where a server of the tests listens by IPv4 alone, a door on ::1 leads to it. Those of a trial are
in tests/chart/test_address_families.py.
"""

from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from testkit.door import Door
from testkit.rabbitmq import RabbitMQ
from testkit.servers import Valkey
from testkit.stack import Stack
from tests.integration.conftest import start, stop

BOTH = ("127.0.0.1", "[::1]")


@pytest.fixture(scope="module")
def registry(fault_registry: str) -> Iterator[str]:
    door = Door(int(fault_registry.rpartition(":")[2]), "::1")
    door.open()
    yield door.url
    door.close()


@pytest.fixture(params=["redis", pytest.param("rabbitmq", marks=pytest.mark.rabbitmq)])
def stack(request: pytest.FixtureRequest, registry: str, tmp_path: Path) -> Iterator[Stack]:
    """A gateway and a worker that are told no address of IPv4."""
    valkey = Valkey(tmp_path / "valkey", "--bind", "127.0.0.1", "::1")
    valkey.start()
    place = f"redis://[::1]:{valkey.port}"
    env = {"STORE_URL": f"{place}/0", "BROKER_URL": f"{place}/1"}
    door: Door | None = None
    if request.param == "rabbitmq":
        server: RabbitMQ = request.getfixturevalue("rabbitmq")
        door = Door(server.port, "::1")
        door.open()
        env["BROKER_URL"] = server.url().replace(f"127.0.0.1:{server.port}", f"[::1]:{door.port}")
    both = Stack(tmp_path, valkey, registry, "fault", env, listen="::")
    start(both, gateways=1, workers=1)
    yield both
    stop(both)
    if door is not None:
        door.close()


def test_a_prediction_is_made_without_an_address_of_ipv4(stack: Stack) -> None:
    client = stack.client()
    answer = client.post("/predict/", {"features": {"do": "answer", "value": 7}})
    assert (answer.status_code, answer.json()["result"]["value"]) == (200, 7), answer.text
    for process, path in ((stack.gateways[0], "/metrics"), (stack.workers[0], "/readyz")):
        port = process.url.rpartition(":")[2]
        for host in BOTH:
            assert httpx2.get(f"http://{host}:{port}{path}", timeout=5).status_code == 200
    (told,) = stack.workers[0].events("probes.served")
    assert told["metrics"].startswith("http://[::]:")
