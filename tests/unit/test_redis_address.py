"""Tests how STORE_URL and BROKER_URL are read, with URLs as vendors and manuals print them."""

from pathlib import Path
from typing import Any

import pytest
from kombu.connection import Connection

from inference.broker.celery_config import celery_config
from inference.errors import Misconfigured
from inference.redis_access.address import RedisAddress, parse
from testkit.certificates import Authority

NAME = "service_name=mymaster"


def read(url: str) -> RedisAddress:
    return parse("STORE_URL", url)


@pytest.mark.parametrize(
    ("url", "host", "database", "login", "by_tls"),
    [
        ("redis://localhost:6379", ("localhost", 6379), 0, ("", ""), False),
        ("redis://localhost", ("localhost", 6379), 0, ("", ""), False),
        ("redis://", ("localhost", 6379), 0, ("", ""), False),
        ("redis://:secret@localhost:6379/0", ("localhost", 6379), 0, ("", "secret"), False),
        ("redis://user:secret@10.0.0.7:6380/15", ("10.0.0.7", 6380), 15, ("user", "secret"), False),
        ("redis://[2001:db8::1]:6380/2", ("2001:db8::1", 6380), 2, ("", ""), False),
        ("redis://cache?db=3", ("cache", 6379), 3, ("", ""), False),
        # Celery's documentation
        ("redis://localhost:6379/0?virtual_host=4", ("localhost", 6379), 4, ("", ""), False),
        ("rediss://:p@h:6379/0?ssl_cert_reqs=CERT_NONE", ("h", 6379), 0, ("", "p"), True),
        # Heroku
        (
            "rediss://:p1c2d@ec2-18-205-1-2.compute-1.amazonaws.com:24940",
            ("ec2-18-205-1-2.compute-1.amazonaws.com", 24940),
            0,
            ("", "p1c2d"),
            True,
        ),
        # ElastiCache
        (
            "rediss://app:pw@master.store.abc123.euc1.cache.amazonaws.com:6379/0",
            ("master.store.abc123.euc1.cache.amazonaws.com", 6379),
            0,
            ("app", "pw"),
            True,
        ),
        # Upstash
        (
            "rediss://default:AX8@eu1-x.upstash.io:6379",
            ("eu1-x.upstash.io", 6379),
            0,
            ("default", "AX8"),
            True,
        ),
        # Azure, whose keys end with an equals sign
        (
            "rediss://:aB3+d/e%3D@n.redis.cache.windows.net:6380/0",
            ("n.redis.cache.windows.net", 6380),
            0,
            ("", "aB3+d/e="),
            True,
        ),
        # Bitnami's chart
        (
            "redis://:pw@redis-master.data.svc.cluster.local:6379/1",
            ("redis-master.data.svc.cluster.local", 6379),
            1,
            ("", "pw"),
            False,
        ),
    ],
)
def test_a_server(
    url: str, host: tuple[str, int], database: int, login: tuple[str, str], by_tls: bool
) -> None:
    address = read(url)
    assert (address.hosts, address.database) == ((host,), database)
    assert (address.username, address.password) == login
    assert (address.tls is not None, address.service) == (by_tls, "")


def test_a_socket() -> None:
    address = read("unix://user:secret@/run/redis/redis.sock?db=2")
    assert (address.path, address.hosts, address.database) == ("/run/redis/redis.sock", (), 2)
    assert (address.username, address.password) == ("user", "secret")


@pytest.mark.parametrize(
    ("url", "hosts"),
    [
        (
            f"sentinel://h1:26379,h2,[::1]:26380/1?{NAME}",
            (("h1", 26379), ("h2", 26379), ("::1", 26380)),
        ),
        (
            "sentinel://h1:26379;sentinel://h2:26380;sentinel://h3/1?master_name=mymaster",
            (("h1", 26379), ("h2", 26380), ("h3", 26379)),
        ),
        (f"sentinel://h1/1?{NAME}", (("h1", 26379),)),
    ],
)
def test_sentinels(url: str, hosts: tuple[tuple[str, int], ...]) -> None:
    address = read(url)
    assert (address.hosts, address.database, address.service) == (hosts, 1, "mymaster")


def test_users_and_tls_of_servers_and_sentinels() -> None:
    login = "app:p%40ss@h1,h2"
    address = read(f"sentinel://{login}?{NAME}&sentinel_username=eye&sentinel_password=q&ssl=true")
    servers, sentinels = address.server_options(1.5), address.sentinel_options(1.5)
    assert (servers["username"], servers["password"]) == ("app", "p@ss")
    assert (sentinels["username"], sentinels["password"]) == ("eye", "q")
    assert servers["ssl_cert_reqs"] == sentinels["ssl_cert_reqs"] == "required"
    assert sentinels["socket_timeout"] == 0.5
    plain = read(f"sentinel://h1?{NAME}&ssl=true&sentinel_ssl=false")
    assert "ssl" not in plain.sentinel_options(1.5)


def test_certificates_and_names_are_verified_unless_the_url_says_otherwise() -> None:
    def said(options: str) -> tuple[Any, Any]:
        tls = read(f"rediss://h{options}").server_options(1)
        return tls["ssl_cert_reqs"], tls["ssl_check_hostname"]

    assert said("") == ("required", True)
    assert said("?ssl_cert_reqs=none") == ("none", False)
    assert said("?ssl_cert_reqs=CERT_REQUIRED&ssl_check_hostname=false") == ("required", False)


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("http://h", "must start with redis://, rediss://, unix:// or sentinel://"),
        ("redis://h/zero", "must end with the number of a database"),
        ("redis://h:port/0", "host that can't be read"),
        ("redis://h:0/0", "host that can't be read"),
        ("redis://:se:cret?x@h:6379/0", "it must read name=value"),
        ("redis://h/0?socket_timeot=1", "has the option socket_timeot, which is unknown"),
        ("redis://h/0?ssl_ca_certs=/ca.pem", "ssl_ca_certs needs a URL that starts with rediss://"),
        ("redis://h/0?service_name=m", "service_name needs a URL that starts with sentinel://"),
        ("sentinel://h:26379/0", "must name what its Sentinels watch"),
        ("rediss://h?ssl_cert_reqs=maybe", "ssl_cert_reqs must be required, optional or none"),
        ("rediss://h?ssl_check_hostname=perhaps", "ssl_check_hostname must be true or false"),
        ("rediss://h?ssl_ca_certs=/nowhere/ca.pem", "/nowhere/ca.pem can't be read: No such file"),
        (
            "rediss://h?ssl_ca_certs=/etc/hostname",
            "/etc/hostname holds no certificate",
        ),
        ("rediss://h?ssl_keyfile=/nowhere", "ssl_keyfile needs the certificate in ssl_certfile"),
    ],
)
def test_what_can_not_be_meant_is_one_sentence_without_the_password(
    url: str, sentence: str
) -> None:
    with pytest.raises(Misconfigured) as refusal:
        read(url)
    assert str(refusal.value).startswith("STORE_URL")
    assert sentence in str(refusal.value)
    assert "cret" not in str(refusal.value)


def test_a_key_that_is_not_the_certificate_s_is_one_sentence(tmp_path: Path) -> None:
    one, other = (Authority(tmp_path / name).issue("client") for name in ("one", "other"))
    with pytest.raises(Misconfigured, match="no certificate with its key"):
        read(f"rediss://h?ssl_certfile={one[0]}&ssl_keyfile={other[1]}")


def test_an_address_shows_no_password() -> None:
    address = read(f"sentinel://u:secret@h?{NAME}&sentinel_password=secret&ssl_password=secret")
    assert "secret" not in repr(address)


def connection(url: str) -> Any:
    """kombu's connection, as Celery makes it of our settings."""
    settings = celery_config(url, "q", 1, 1)
    make: Any = Connection
    return make(
        settings["broker_url"],
        ssl=settings["broker_use_ssl"],
        transport_options=settings["broker_transport_options"],
    )


def test_celery_gets_the_same_of_a_server() -> None:
    made = connection("rediss://us%2Fer:p%40ss@[::1]:6380/3")
    assert (made.hostname, made.port, made.virtual_host) == ("::1", 6380, "3")
    assert (made.userid, made.password, made.transport_cls) == ("us/er", "p@ss", "rediss")
    assert made.ssl == {"ssl_cert_reqs": "required", "ssl_check_hostname": True}
    assert "p@ss" not in made.as_uri()


def test_celery_gets_the_same_of_a_socket() -> None:
    made = connection("unix://user:secret@/run/redis.sock?db=2")
    assert made.hostname == "socket://user:secret@/run/redis.sock?virtual_host=2"
    assert made.transport_cls == "redis"


def test_celery_gets_the_same_of_sentinels_by_whichever_it_goes_on_with() -> None:
    made = connection(f"sentinel://user:p%40ss@h1:26379,h2:26380/3?{NAME}&sentinel_password=q")
    assert made.transport_options["master_name"] == "mymaster"
    assert made.transport_options["sentinel_kwargs"]["password"] == "q"
    assert made.ssl is False
    for host, port in (("h1", 26379), ("h2", 26380)):
        assert (made.hostname, made.port, made.virtual_host) == (host, port, "3")
        assert (made.userid, made.password) == ("user", "p@ss")
        made.maybe_switch_next()
