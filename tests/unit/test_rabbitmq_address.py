"""Where a RabbitMQ is, as people write it in BROKER_URL."""

from pathlib import Path

import pytest

from inference.broker.rabbitmq_address import RabbitAddress, Tls
from inference.broker.rabbitmq_broker import connection_settings
from inference.errors import Misconfigured

GUEST = ("guest", "guest")


@pytest.mark.parametrize(
    ("url", "hosts", "login", "virtual_host"),
    [
        ("amqp://localhost", [("localhost", 5672)], GUEST, "/"),
        ("amqp://guest:guest@localhost:5672//", [("localhost", 5672)], GUEST, "/"),
        ("amqp://host/", [("host", 5672)], GUEST, "/"),
        ("amqp://user:pass@host:10000/vhost", [("host", 10000)], ("user", "pass"), "vhost"),
        ("amqp://user%61:%61pass@host/v%2fhost", [("host", 5672)], ("usera", "apass"), "v/host"),
        ("amqp://u:p@host/%2F", [("host", 5672)], ("u", "p"), "/"),
        ("amqp://u:p%40%2F%3A@host/my-vhost", [("host", 5672)], ("u", "p@/:"), "my-vhost"),
        ("amqp://[::1]:5673/x", [("::1", 5673)], GUEST, "x"),
        (
            "amqp://u:p@one,two:5673,three/jobs",
            [("one", 5672), ("two", 5673), ("three", 5672)],
            ("u", "p"),
            "jobs",
        ),
        ("amqp://u:p@one//;amqp://u:p@two//", [("one", 5672), ("two", 5672)], ("u", "p"), "/"),
        (
            "amqp://xkqzjvpd:Zr8J@cow.rmq2.cloudamqp.com/xkqzjvpd",
            [("cow.rmq2.cloudamqp.com", 5672)],
            ("xkqzjvpd", "Zr8J"),
            "xkqzjvpd",
        ),
    ],
)
def test_a_url_says_hosts_login_and_virtual_host(
    url: str, hosts: list[tuple[str, int]], login: tuple[str, str], virtual_host: str
) -> None:
    address = RabbitAddress.parse(url)
    assert list(address.hosts) == hosts
    assert (address.user, address.password) == login
    assert (address.virtual_host, address.tls) == (virtual_host, None)


def test_celery_gets_a_url_for_each_host() -> None:
    settings = connection_settings("amqp://u:p%40%2F@one,[::1]:5673/a%2Fb")
    assert settings["broker_url"] == (
        "amqp://u:p%40%2F@one:5672/a%2Fb;amqp://u:p%40%2F@[::1]:5673/a%2Fb"
    )
    assert settings["broker_use_ssl"] is False


def test_tls_verifies_the_server_unless_told_otherwise(tmp_path: Path) -> None:
    ca = tmp_path / "ca.pem"
    ca.touch()
    assert RabbitAddress.parse("amqps://host").tls == Tls()
    assert RabbitAddress.parse("amqps://host").hosts == (("host", 5671),)
    for names in ("ssl_ca_certs={}&ssl_cert_reqs=required", "cacertfile={}&verify=verify_peer"):
        address = RabbitAddress.parse(f"amqps://host/v?{names.format(ca)}")
        assert address.tls == Tls(ca_certs=str(ca))
    for off in ("ssl_cert_reqs=none", "ssl_cert_reqs=CERT_NONE", "verify=verify_none"):
        assert RabbitAddress.parse(f"amqps://host/v?{off}").tls == Tls(verify=False)


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("amqp://", "it names no host"),
        ("amqp:///vhost", "it names no host"),
        ("amqp://one,,two", "it names no host"),
        ("amqp://ho st", "it names no host"),
        ("amqp://host:port", "no address of a RabbitMQ"),
        ("amqp://host:70000", "no address of a RabbitMQ"),
        ("amqp://one;amqps://two", "all have amqp:// or all amqps://"),
        ("amqp://host/v?frame_max=1", "the parameter frame_max, which is not known"),
        ("amqp://host/v?cacertfile=/ca.pem", "certificates but no TLS"),
        ("amqps://host/v?ssl_ca_certs=/there/is/none.pem", "names /there/is/none.pem, and there"),
        ("amqps://host/v?ssl_cert_reqs=maybe", "ssl_cert_reqs must be required or none"),
    ],
)
def test_what_is_no_address_is_one_sentence(url: str, sentence: str) -> None:
    with pytest.raises(Misconfigured, match=r"^BROKER_URL ?[^\n]*$") as refused:
        RabbitAddress.parse(url)
    assert sentence in str(refused.value)
    assert "pass" not in str(refused.value).replace("user:password", "")


def test_a_file_that_holds_no_certificate_is_one_sentence(tmp_path: Path) -> None:
    empty = tmp_path / "empty.pem"
    empty.touch()
    with pytest.raises(Misconfigured, match="BROKER_URL names certificates that can't be used"):
        connection_settings(f"amqps://host/v?ssl_ca_certs={empty}")
