"""A Valkey as people run it: TLS with client certificates, and users with the least rights.

Its plain port is the test's own, with the user default, who may do anything.
"""

import re
from pathlib import Path
from urllib.parse import quote, urlencode

import redis

from testkit.certificates import Authority
from testkit.servers import Valkey, free_port
from testkit.stack import ROOT
from testkit.tls_proxy import TlsProxy

RIGHTS = ROOT / "docs" / "operations.md"
STORE_USER, BROKER_USER = "inference-store", "inference-broker"
PASSWORD = "p@ss/word:100%?"
"""With all that a URL must have escaped."""


def documented_users(key_prefix: str) -> list[list[str]]:
    """Returns the words of each ACL SETUSER of docs/operations.md.

    The page has them for KEY_PREFIX=inference, and PASSWORD where a password belongs.
    """
    page = RIGHTS.read_text(encoding="utf-8").replace("\\\n", " ")
    users = [line.split() for line in re.findall(r"^ACL SETUSER (.*)$", page, re.MULTILINE)]
    return [
        [name, *(word.replace("PASSWORD", PASSWORD) for word in words[:2])]
        + [word.replace("inference", key_prefix) for word in words[2:]]
        for name, *words in users
    ]


def allow_users(port: int, key_prefix: str = "inference") -> None:
    """Makes the documented users on a server."""
    with redis.Redis(port=port) as admin:
        for words in documented_users(key_prefix):
            admin.execute_command("ACL", "SETUSER", *words)


class SecureValkey(Valkey):
    """Takes clients with a certificate of its CA, as the users of docs/operations.md."""

    def __init__(self, folder: Path, *options: str, key_prefix: str = "inference") -> None:
        super().__init__(folder, *options)
        self.authority = Authority(folder / "tls")
        self.client_files = self.authority.issue("client")
        self.tls_port = free_port()
        self._tls = TlsProxy(self.authority, {self.tls_port: self.port})
        self._key_prefix = key_prefix

    def start(self) -> None:
        super().start()
        allow_users(self.port, self._key_prefix)
        self._tls.start()

    def kill(self) -> None:
        self._tls.kill()
        super().kill()

    def secure_url(
        self, user: str, database: int = 0, password: str = PASSWORD, **changed: str
    ) -> str:
        """Returns a URL by TLS for a user; `changed` are its options, '' leaves one out."""
        options = {
            "ssl_ca_certs": str(self.authority.ca),
            "ssl_certfile": str(self.client_files[0]),
            "ssl_keyfile": str(self.client_files[1]),
        } | changed
        query = urlencode({name: value for name, value in options.items() if value})
        return f"rediss://{login(user, password)}@127.0.0.1:{self.tls_port}/{database}?{query}"


def login(user: str, password: str = PASSWORD) -> str:
    """Returns `user:password` as a URL has it."""
    return f"{quote(user, safe='')}:{quote(password, safe='')}"
