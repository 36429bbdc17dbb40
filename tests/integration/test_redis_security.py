"""Runs the service as users with the least rights, over TLS with client certificates.

Whatever is wrong with that is one sentence at start, of gateways and workers, for store and broker.
"""

import asyncio
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import redis

from inference.redis_access.address import RedisAddress, parse
from inference.redis_access.clients import asyncio_client, blocking_client
from testkit.certificates import Authority
from testkit.secure_valkey import BROKER_USER, STORE_USER, SecureValkey
from testkit.servers import Valkey
from testkit.stack import Stack
from tests.integration.conftest import start
from tests.integration.refusals import Program, gateway, worker

USERS = {"STORE_URL": STORE_USER, "BROKER_URL": BROKER_USER}
WAITING_S = 60
"""START_TIMEOUT_S of a program that must not use it up."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecureValkey]:
    made = SecureValkey(tmp_path_factory.mktemp("secure"))
    made.start()
    yield made
    made.kill()


def urls(server: SecureValkey) -> dict[str, str]:
    return {name: server.secure_url(user, n) for n, (name, user) in enumerate(USERS.items())}


def test_a_renewed_certificate_is_read_without_a_restart(
    server: SecureValkey, tmp_path: Path
) -> None:
    files = [tmp_path / "own.pem", tmp_path / "own.key"]
    stranger = Authority(tmp_path / "stranger").issue("client")

    def install(pair: tuple[Path, Path]) -> None:
        for source, file in zip(pair, files, strict=True):
            file.write_bytes(source.read_bytes())

    install(server.client_files)
    url = server.secure_url(STORE_USER, ssl_certfile=str(files[0]), ssl_keyfile=str(files[1]))
    address = parse("STORE_URL", url)
    blocking = blocking_client(address, 5)
    with asyncio.Runner() as runner:
        client = asyncio_client(address, 5)

        async def asked() -> None:
            await client.connection_pool.disconnect()
            await client.ping()

        def asked_blocking() -> None:
            blocking.connection_pool.disconnect()
            blocking.ping()

        asks: list[Callable[[], None]] = [lambda: runner.run(asked()), asked_blocking]
        for ask in asks:
            ask()
            install(stranger)
            with pytest.raises(redis.ConnectionError):
                ask()
            install(server.client_files)
            ask()
        runner.run(client.aclose())
    blocking.close()


def test_the_machine_s_authorities_do_not_count_where_another_is_named(
    server: SecureValkey, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """redis-py would trust both, and read all of them on the event loop for each connection."""
    monkeypatch.setenv("SSL_CERT_FILE", str(server.authority.ca))
    stranger = str(Authority(tmp_path).ca)
    by_machine = parse("STORE_URL", server.secure_url(STORE_USER, ssl_ca_certs=""))
    by_stranger = parse("STORE_URL", server.secure_url(STORE_USER, ssl_ca_certs=stranger))

    async def ping(address: RedisAddress) -> None:
        async with asyncio_client(address, 5) as client:
            await client.ping()

    def ping_blocking(address: RedisAddress) -> None:
        with blocking_client(address, 5) as client:
            client.ping()

    pings: list[Callable[[RedisAddress], None]] = [
        lambda address: asyncio.run(ping(address)),
        ping_blocking,
    ]
    for one in pings:
        one(by_machine)
        with pytest.raises(redis.ConnectionError, match="certificate verify failed"):
            one(by_stranger)


def test_the_service_predicts_and_needs_no_right_that_the_page_does_not_name(
    server: SecureValkey, fault_registry: str, tmp_path: Path
) -> None:
    stack = Stack(tmp_path, server, fault_registry, "fault", urls(server))
    with redis.Redis(port=server.port) as admin:
        admin.acl_log_reset()  # of what the other tests were refused
    try:
        start(stack, gateways=1, workers=1)
        client = stack.client()
        answer = client.post("/predict/", {"features": {"do": "answer", "value": 7}})
        assert (answer.status_code, answer.json()["result"]["value"]) == (200, 7)
        dead = client.submit({"do": "invalid"})
        assert client.ended(dead)["status"] == "failure"
        assert client.post(f"/dead-letters/{dead}/replay", None).status_code == 202
        assert client.ended(dead)["status"] == "failure"
        assert client.get(f"/dead-letters/{dead}").status_code == 200
        (warning,) = client.get("/readyz").json()["warnings"]
        assert "refuses INFO and CONFIG GET, so it is not known whether it syncs" in warning
        stack.workers[0].kill()
        with redis.Redis(port=server.port) as admin:
            refused = {entry["object"] for entry in admin.acl_log()}
        assert refused <= {"info", "config|get"}
    finally:
        stack.stop()


SENTENCES = {
    "password": "refused the credentials in {setting}",
    "ca": "at {setting} can't be trusted",
    "plain port": "at {setting} speaks no TLS",
    "user": "refused the credentials in {setting}",
    "name": "at {setting} can't be trusted: Hostname mismatch",
    "no file": "{setting}: ssl_ca_certs=/nowhere/ca.pem can't be read: No such file",
    "no tls": "at {setting} takes TLS alone",
    "no certificate": "at {setting} refused the client's certificate",
    "database": "no such database as {setting} names",
    "rights": "the user in {setting} may not do what",
}
SOME = ("password", "ca", "plain port")
CASES = [
    *((worker, "STORE_URL", trouble) for trouble in SENTENCES),
    # Of its few rights a gateway needs one at the broker, and has no use of a ticket to try it.
    *((gateway, "BROKER_URL", trouble) for trouble in SENTENCES if trouble != "rights"),
    *((gateway, "STORE_URL", trouble) for trouble in (*SOME, "rights")),
    *((worker, "BROKER_URL", trouble) for trouble in (*SOME, "rights")),
]


@pytest.fixture
def wrong(server: SecureValkey, tmp_path: Path) -> Callable[[str, str], str]:
    """A user's URL with something wrong."""

    def make(trouble: str, user: str) -> str:
        good = server.secure_url(user)
        made = {
            "password": server.secure_url(user, password="wrong"),
            "user": server.secure_url("nobody"),
            "ca": server.secure_url(user, ssl_ca_certs=str(Authority(tmp_path).ca)),
            "name": good.replace("127.0.0.1", "localhost"),
            "no file": server.secure_url(user, ssl_ca_certs="/nowhere/ca.pem"),
            "plain port": good.replace(f":{server.tls_port}", f":{server.port}"),
            "no tls": f"redis://127.0.0.1:{server.tls_port}/0",
            "no certificate": server.secure_url(user, ssl_certfile="", ssl_keyfile=""),
            "database": server.secure_url(user, 99),
            # The store's user at the broker, and the broker's at the store.
            "rights": server.secure_url(STORE_USER if user == BROKER_USER else BROKER_USER),
        }
        return made[trouble]

    return make


@pytest.mark.parametrize(("program", "setting", "trouble"), CASES)
def test_what_waiting_can_not_mend_is_one_sentence_at_once(
    settings: dict[str, str],
    wrong: Callable[[str, str], str],
    program: Program,
    setting: str,
    trouble: str,
) -> None:
    began = time.monotonic()
    said = program(settings | {setting: wrong(trouble, USERS[setting])})
    assert time.monotonic() - began < WAITING_S
    assert SENTENCES[trouble].format(setting=setting) in said


@pytest.fixture
def settings(server: SecureValkey, fault_registry: str) -> dict[str, str]:
    """What a program starts with, all of it right."""
    uri = "models:/fault@production"
    return urls(server) | {
        "START_TIMEOUT_S": str(WAITING_S),
        "MODEL_URIS": uri,
        "MODEL_URI": uri,
        "MLFLOW_TRACKING_URI": fault_registry,
    }


@pytest.mark.parametrize("program", [gateway, worker])
@pytest.mark.parametrize("setting", USERS)
def test_a_redis_cluster_is_refused(
    settings: dict[str, str], cluster: Valkey, program: Program, setting: str
) -> None:
    said = program(settings | {setting: cluster.url()})
    what = "store" if setting == "STORE_URL" else "broker"
    assert f"the {what} is a Redis Cluster, which is not supported: point {setting} at" in said


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Valkey]:
    server = Valkey(tmp_path_factory.mktemp("cluster"), "--cluster-enabled", "yes")
    server.start()
    yield server
    server.kill()
