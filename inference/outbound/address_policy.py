"""Decides which addresses a service may ask for somebody else.

A URL in a request makes the service ask in the caller's place, from inside the network.

An address that is not globally routable is refused, in every form that leads there, unless the
operator allows its network. It is judged twice. At the door the URL's own words are judged, so that
the caller hears of it at once. At the connection the addresses are judged that the name leads to.
The first is a courtesy, the second is the protection. Python's own `is_global` follows IANA's
registries as of its release. The networks named here are those that some release in use lacks, or
that a cloud gives a meaning that IANA does not know.
"""

import socket
import unicodedata
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from urllib.parse import SplitResult, urlsplit

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

LONGEST_URL = 4096
_REFUSED = tuple(
    ip_network(network)
    for network in (
        "192.0.0.0/24",  # IETF protocol assignments; Oracle's metadata
        "192.88.99.0/24",  # relays of 6to4, given up (RFC 7526)
        "168.63.129.16/32",  # Azure's own services, as a virtual machine sees them
        "2001::/23",  # IETF protocol assignments, with Teredo and ORCHID
        "3fff::/20",  # documentation (RFC 9637)
    )
)
_GLOBAL_V6 = IPv6Network("2000::/3")
"""All that is given out of IPv6 (RFC 4291, IANA).

Outside of it are loopback, link-local, multicast, translations, the unknown.
"""
_NAT64, _SIX_TO_FOUR = IPv6Network("64:ff9b::/96"), IPv6Network("2002::/16")


def may_ask(address: Address, allowed: Sequence[Network] = ()) -> bool:
    """Whether an address may be connected to.

    An address that carries an IPv4 address within is judged by that too.
    """
    if any(address in network for network in allowed):
        return True
    if isinstance(address, IPv4Address):
        return (
            address.is_global
            and not address.is_multicast
            and not address.is_reserved
            and not _listed(address)
        )
    if (inner := _carried(address)) is not None:
        return may_ask(inner, allowed)
    return address in _GLOBAL_V6 and address.is_global and not _listed(address)


def refusal(url: str, allowed: Sequence[Network] = ()) -> str:
    """Returns why a URL can't be fetched, as the end of a sentence about it.

    Only the URL's own words are judged. '' for a URL that may be tried.
    """
    if len(url) > LONGEST_URL:
        return f"is longer than {LONGEST_URL} characters"
    if any(letter <= " " or letter in '\\"<>^`{|}\x7f' for letter in url):
        return "has characters that no URL has"
    try:
        parts = urlsplit(url)
        return _unfit(parts) or _unsafe(parts.hostname or "", allowed)
    except ValueError:
        return "is no URL that can be read"


def _unfit(parts: SplitResult) -> str:
    if parts.scheme not in ("http", "https"):
        return "must begin with http:// or https://"
    if "@" in parts.netloc:
        return "must not name a user or password"
    return (
        "names no host that can be asked"
        if not parts.hostname or parts.port == 0 or "%" in parts.hostname
        else ""
    )


def _unsafe(host: str, allowed: Sequence[Network]) -> str:
    address = written(host)
    return (
        "names an address that may not be asked"
        if address is not None and not may_ask(address, allowed)
        else ""
    )


def written(host: str) -> Address | None:
    """Returns the address that a host is written as, None for a name.

    Reads every spelling that a resolver would take for an address.
    """
    name = unicodedata.normalize("NFKC", host).replace("\u3002", ".").rstrip(".").lower()
    if name == "localhost" or name.endswith(".localhost"):
        return IPv4Address("127.0.0.1")
    try:
        return ip_address(name.strip("[]"))
    except ValueError:
        pass
    try:
        return IPv4Address(
            socket.inet_aton(name)
        )  # 127.1, 0x7f.1, 017700000001 and 2130706433 too, as getaddrinfo does
    except (OSError, UnicodeError):
        return None


def _carried(address: IPv6Address) -> IPv4Address | None:
    """The IPv4 address that packets to this one end at."""
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address.sixtofour if address in _SIX_TO_FOUR else None


def _listed(address: Address) -> bool:
    return any(address in network for network in _REFUSED)
