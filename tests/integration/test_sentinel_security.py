"""Servers behind Sentinels that take TLS with client certificates, and users of least rights."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode

import pytest

from testkit.certificates import Authority
from testkit.secure_valkey import BROKER_USER, STORE_USER, allow_users, login
from testkit.sentinels import SentinelSet
from testkit.stack import Stack
from testkit.waiting import until
from tests.integration.conftest import start
from tests.integration.refusals import Program, gateway, worker

USERS = {"STORE_URL": (STORE_USER, 0), "BROKER_URL": (BROKER_USER, 1)}
"""The user and the database of each."""


@dataclass
class SecureSet:
    """The servers, and the files of their authority."""

    servers: SentinelSet
    authority: Authority

    def url(self, setting: str, ca: Authority | None = None) -> str:
        """Returns the URL for a setting, which trusts the servers' authority or another."""
        user, database = USERS[setting]
        files = {
            "ssl_ca_certs": (ca or self.authority).ca,
            "ssl_certfile": self.authority.folder / "client.pem",
            "ssl_keyfile": self.authority.folder / "client.key",
        }
        place = self.servers.url(database).replace("sentinel://", f"sentinel://{login(user)}@")
        return f"{place}&{urlencode(files)}"

    def urls(self) -> dict[str, str]:
        return {setting: self.url(setting) for setting in USERS}


@pytest.fixture(scope="module")
def secure(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecureSet]:
    folder = tmp_path_factory.mktemp("secure-sentinels")
    authority = Authority(folder / "tls")
    authority.issue("client")
    servers = SentinelSet(folder, authority=authority)
    servers.start()
    for server in servers.servers:
        allow_users(server.port)
    yield SecureSet(servers, authority)
    servers.kill()


@pytest.fixture(scope="module")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("stranger"), "another CA")


def test_a_primary_that_dies_is_followed_over_tls(
    secure: SecureSet, fault_registry: str, tmp_path: Path
) -> None:
    first = secure.servers.primary()
    assert first is not None
    stack = Stack(tmp_path, first, fault_registry, "fault", secure.urls())
    start(stack, gateways=1, workers=1)
    try:
        client = stack.client()
        before = client.submit({"do": "answer", "value": 1})
        assert client.ended(before)["status"] == "success"
        first.kill()
        until(lambda: secure.servers.primary() not in (None, first), "another primary", 60)

        def predicted() -> bool:
            answer = client.post("/predict/", {"features": {"do": "answer", "value": 2}})
            return answer.status_code == 200 and answer.json()["result"]["value"] == 2

        until(predicted, "a prediction by the new primary", 60, step_s=0.2)
        assert client.ended(before)["result"]["value"] == 1
    finally:
        stack.stop()


@pytest.mark.parametrize("program", [gateway, worker])
@pytest.mark.parametrize(
    ("setting", "option"),
    [
        *((setting, "") for setting in USERS),
        # The servers' own certificates are looked at, and not the Sentinels' alone.
        ("STORE_URL", "&sentinel_ssl=false"),
    ],
)
def test_servers_that_can_not_be_trusted_are_one_sentence(
    secure: SecureSet, stranger: Authority, program: Program, setting: str, option: str
) -> None:
    wrong = secure.url(setting, stranger) + option
    said = program(secure.urls() | {"START_TIMEOUT_S": "60", setting: wrong})
    assert f"at {setting} can't be trusted" in said
