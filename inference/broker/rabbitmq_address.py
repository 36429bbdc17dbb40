"""Where a RabbitMQ is, read from BROKER_URL."""

import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Self
from urllib.parse import parse_qsl, quote, unquote, urlsplit

from inference.errors import Misconfigured
from inference.tls_context import client_context

SCHEMES = ("amqp://", "amqps://")
_PORTS = {"amqp": 5672, "amqps": 5671}
_FORM = "it must read amqp://user:password@host:5672/virtual-host, or amqps:// for TLS"
_NAMES = {"cacertfile": "ssl_ca_certs", "certfile": "ssl_certfile", "keyfile": "ssl_keyfile"}
"""RabbitMQ's own names of these parameters: https://www.rabbitmq.com/docs/uri-query-parameters."""
_VERIFY = {
    ("ssl_cert_reqs", "required"): True,
    ("ssl_cert_reqs", "CERT_REQUIRED"): True,
    ("ssl_cert_reqs", "none"): False,
    ("ssl_cert_reqs", "CERT_NONE"): False,
    ("verify", "verify_peer"): True,
    ("verify", "verify_none"): False,
}


@dataclass(frozen=True)
class Tls:
    """How the server is verified, and this client's own certificate; '' for none.

    Without `ca_certs` the machine's authorities count.
    """

    verify: bool = True
    ca_certs: str = ""
    certfile: str = ""
    keyfile: str = ""

    def context(self) -> ssl.SSLContext:
        """Returns a client's context. Raises `Misconfigured` for files that can't be used."""
        try:
            return client_context(
                ca_certs=self.ca_certs,
                certfile=self.certfile,
                keyfile=self.keyfile,
                verify=ssl.CERT_REQUIRED if self.verify else ssl.CERT_NONE,
            )
        except (OSError, ValueError) as error:
            raise Misconfigured(
                f"BROKER_URL names certificates that can't be used ({error}):"
                f" {', '.join(filter(None, (self.ca_certs, self.certfile, self.keyfile)))}"
            ) from error


@dataclass(frozen=True)
class RabbitAddress:
    """The nodes of one broker, and who connects to which virtual host."""

    hosts: tuple[tuple[str, int], ...]
    user: str
    password: str
    virtual_host: str
    tls: Tls | None

    @classmethod
    def parse(cls, url: str) -> Self:
        """Reads a URL, which may name several hosts: with commas, or as Celery's list of URLs.

        User, password, virtual host and parameters are the first URL's. Raises `Misconfigured`
        for what is no address of a RabbitMQ. Source:
        https://www.rabbitmq.com/docs/uri-spec; a lone slash is the virtual host `/`, as for Celery.
        """
        try:
            first, *others = (urlsplit(part) for part in url.split(";"))
            if any(other.scheme != first.scheme for other in others):
                raise ValueError("its hosts must all have amqp:// or all amqps://")
            port = _PORTS[first.scheme]
            places = [place for part in (first, *others) for place in _places(part.netloc)]
            hosts = tuple(_host(place, port) for place in places)
        except (ValueError, KeyError) as error:
            raise Misconfigured(
                f"BROKER_URL is no address of a RabbitMQ: {error}; {_FORM}"
            ) from None
        user, _, password = first.netloc.rpartition("@")[0].partition(":")
        path = first.path.removeprefix("/")
        return cls(
            hosts,
            unquote(user) or "guest",
            unquote(password) or "guest",
            unquote(path) or "/",
            _tls(first.query, secure=first.scheme == "amqps"),
        )

    def celery_urls(self) -> str:
        """Returns the list of URLs that Celery takes; its TLS is set apart."""
        user, password, place = (
            quote(part, safe="") for part in (self.user, self.password, self.virtual_host)
        )
        scheme = "amqp" if self.tls is None else "amqps"
        return ";".join(
            f"{scheme}://{user}:{password}@{f'[{host}]' if ':' in host else host}:{port}/{place}"
            for host, port in self.hosts
        )


def _places(netloc: str) -> list[str]:
    return netloc.rpartition("@")[2].split(",")


def _host(place: str, port: int) -> tuple[str, int]:
    parts = urlsplit(f"//{place}")
    if not parts.hostname or any(letter.isspace() for letter in place):
        raise ValueError("it names no host")
    return parts.hostname, port if parts.port is None else parts.port


def _tls(query: str, *, secure: bool) -> Tls | None:
    told = {"verify": "verify_peer"}
    for name, value in parse_qsl(query, keep_blank_values=True):
        told[_NAMES.get(name, name)] = value
    verify = [
        _VERIFY.get((name, value))
        for name, value in told.items()
        if name in ("verify", "ssl_cert_reqs")
    ]
    known = {"ssl_ca_certs", "ssl_certfile", "ssl_keyfile", "ssl_cert_reqs", "verify"}
    if unknown := sorted(told.keys() - known):
        raise Misconfigured(
            f"BROKER_URL has the parameter {unknown[0]}, which is not known: a RabbitMQ's may have"
            " ssl_ca_certs, ssl_certfile, ssl_keyfile and ssl_cert_reqs"
        )
    if None in verify:
        raise Misconfigured("BROKER_URL: ssl_cert_reqs must be required or none")
    if not secure:
        if len(told) > 1:
            raise Misconfigured(
                "BROKER_URL has certificates but no TLS: it must begin with amqps://"
            )
        return None
    files = [told.get(name, "") for name in ("ssl_ca_certs", "ssl_certfile", "ssl_keyfile")]
    if missing := next((file for file in files if file and not Path(file).is_file()), ""):
        raise Misconfigured(f"BROKER_URL names {missing}, and there is no such file")
    return Tls(False not in verify, *files)
