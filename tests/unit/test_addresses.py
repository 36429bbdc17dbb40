"""Which addresses may be asked, in every spelling. Nothing here connects to anything."""

from ipaddress import ip_address, ip_network

import pytest

from inference.errors import Misconfigured
from inference.outbound.address_policy import may_ask, refusal, written
from inference.settings import ContractSettings, read_settings

LOOPBACK_SPELLINGS = [
    "127.0.0.1",
    "127.1",
    "127.0.1",
    "0x7f.0.0.1",
    "0x7f000001",
    "0X7F.1",
    "2130706433",
    "017700000001",
    "0177.0.0.01",
    "127.0.0.1.",
    "127.255.255.254",
    "0.0.0.0",
    "0",
    "localhost",
    "LOCALHOST",
    "localhost.",
    "a.localhost",
    "１２７.0.0.1",
    "127。0。0。1",
    "ⓛocalhost",
    "[::1]",
    "[0:0:0:0:0:0:0:1]",
    "[::]",
    "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]",
    "[::127.0.0.1]",
    "[64:ff9b::7f00:1]",
    "[64:ff9b::127.0.0.1]",
    "[2002:7f00:1::]",
    "[::1%25lo]",
    "[::1%lo]",
]
NOT_PUBLIC = [
    "10.1.2.3",
    "172.16.0.1",
    "192.168.1.1",
    "169.254.169.254",
    "169.254.1.1",
    "100.64.0.1",
    "100.100.100.200",
    "168.63.129.16",
    "192.0.0.192",
    "192.0.2.1",
    "192.88.99.1",
    "198.18.0.1",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "239.255.255.250",
    "240.0.0.1",
    "255.255.255.255",
    "0.1.2.3",
    "::",
    "::1",
    "fe80::1",
    "fec0::1",
    "fc00::1",
    "fd00:ec2::254",
    "ff02::1",
    "2001:db8::1",
    "2001:0:4136:e378:8000:63bf:3fff:fdd2",
    "3fff::1",
    "5f00::1",
    "100::1",
    "64:ff9b:1::1",
    "::ffff:10.0.0.1",
    "::ffff:0:127.0.0.1",
    "64:ff9b::a9fe:a9fe",
    "2002:a00:1::",
    "2002:a9fe:a9fe::1",
]
PUBLIC = [
    "8.8.8.8",
    "1.1.1.1",
    "2606:4700:4700::1111",
    "::ffff:8.8.8.8",
    "64:ff9b::808:808",
    "2002:808:808::1",
]


@pytest.mark.parametrize("host", LOOPBACK_SPELLINGS)
@pytest.mark.parametrize("scheme", ["http", "HTTPS"])
def test_loopback_is_refused_in_every_spelling(scheme: str, host: str) -> None:
    for rest in ("/cat.jpg", ":8080/cat.jpg", ""):
        assert refusal(f"{scheme}://{host}{rest}"), f"{scheme}://{host}{rest}"


@pytest.mark.parametrize("address", NOT_PUBLIC)
def test_what_is_not_public_is_refused(address: str) -> None:
    assert not may_ask(ip_address(address))
    host = f"[{address}]" if ":" in address else address
    assert refusal(f"http://{host}/") == "names an address that may not be asked"


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_may_be_asked(address: str) -> None:
    assert may_ask(ip_address(address))
    host = f"[{address}]" if ":" in address else address
    assert refusal(f"https://{host}:8443/cat.jpg?size=2#x") == ""


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("file:///etc/passwd", "must begin with"),
        ("ftp://example.com/cat.jpg", "must begin with"),
        ("gopher://example.com/", "must begin with"),
        ("//example.com/cat.jpg", "must begin with"),
        ("http://me:secret@example.com/", "user or password"),
        ("http://example.com@127.0.0.1/", "user or password"),
        ("http://127.0.0.1#@example.com/", "may not be asked"),
        ("http://127.0.0.1?@example.com/", "may not be asked"),
        ("http://127.0.0.1\\@example.com/", "characters"),
        ("http://example.com/ cat.jpg", "characters"),
        ("http://example.com\r\nHost: 127.0.0.1/", "characters"),
        ("http://\t127.0.0.1/", "characters"),
        ("http://%31%32%37.0.0.1/", "no host"),
        ("http:///cat.jpg", "no host"),
        ("http://", "no host"),
        ("http://example.com:0/", "no host"),
        ("http://example.com:99999/", "no URL"),
        ("http://example.com:x/", "no URL"),
        ("http://[::1/", "no URL"),
        ("http://example.com/" + "a" * 5000, "longer than"),
    ],
)
def test_what_is_no_plain_url_is_refused_with_a_reason(url: str, reason: str) -> None:
    assert reason in refusal(url)


@pytest.mark.parametrize(
    "host",
    [
        "example.com",
        "127.0.0.1.example.com",
        "localhost.example.com",
        "256.1.1.1",
        "1.2.3.4.5",
        "münchen.de",
    ],
)
def test_names_are_left_to_the_connection(host: str) -> None:
    assert written(host) is None
    assert refusal(f"http://{host}/cat.jpg") == ""


def test_an_operator_allows_networks_and_no_more() -> None:
    allowed = (ip_network("127.0.0.0/8"), ip_network("fd00::/64"))
    for url in (
        "http://127.0.0.1:9/",
        "http://localhost/",
        "http://0x7f.1/",
        "http://[::ffff:127.0.0.1]/",
        "http://[fd00::7]/",
    ):
        assert refusal(url, allowed) == ""
    for url in (
        "http://10.0.0.1/",
        "http://[::1]/",
        "http://[fd00:0:0:1::7]/",
        "http://169.254.169.254/",
    ):
        assert refusal(url, allowed)


def test_the_setting_is_a_list_of_networks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FETCH_ALLOWED_NETWORKS", "10.1.0.0/16, fd00::/64")
    assert read_settings(ContractSettings).fetch_allowed_networks == (
        ip_network("10.1.0.0/16"),
        ip_network("fd00::/64"),
    )
    monkeypatch.setenv("FETCH_ALLOWED_NETWORKS", "10.1.0.1/16")
    with pytest.raises(
        Misconfigured,
        match=r"FETCH_ALLOWED_NETWORKS: 10\.1\.0\.1/16 has host bits set; give networks",
    ):
        read_settings(ContractSettings)
