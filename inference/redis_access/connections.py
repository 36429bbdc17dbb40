"""redis-py's connections, with what it leaves to chance.

- An asyncio connection by TLS keeps the files that it read first, so a gateway would never see a
  certificate that was renewed. Here it reads them each time it connects. Blocking ones do already.
- By TLS they trust the machine's authorities beside the one that is named, and read them for each
  connection: a tenth of a second, in which a gateway's event loop would stand still.
- A primary that stood still may answer a new connection only after Sentinels named another, and
  takes writes until it is demoted, which are lost then. So they are asked once more when the
  connection stands.
"""

import asyncio
import ssl
from typing import Any

import redis
from redis.asyncio import SSLConnection
from redis.asyncio import sentinel as asyncio_sentinel
from redis.exceptions import ConnectionError
from redis.sentinel import SentinelManagedConnection

from inference.tls_context import client_context


def _context(told: Any, password: str | None) -> ssl.SSLContext:
    """The context of what a connection was told; redis-py has two names for the password."""
    return client_context(
        ca_certs=told.ca_certs,
        ca_path=told.ca_path,
        certfile=told.certfile,
        keyfile=told.keyfile,
        password=password,
        verify=told.cert_reqs,
        check_hostname=told.check_hostname,
    )


class TlsConnection(SSLConnection):
    """An asyncio connection by TLS."""

    async def _connect(self) -> None:
        told = self.ssl_context
        told.context = await asyncio.to_thread(_context, told, told.password)
        await super()._connect()  # type: ignore[no-untyped-call]


class BlockingTlsConnection(redis.SSLConnection):
    """A blocking connection by TLS."""

    def _wrap_socket_with_ssl(self, sock: Any) -> ssl.SSLSocket:
        made = _context(self, self.certificate_password)
        return made.wrap_socket(sock, server_hostname=self.host)


class AsyncioPrimaryConnection(asyncio_sentinel.SentinelManagedConnection):
    """An asyncio connection to the primary."""

    async def connect_to(self, address: tuple[str, int]) -> None:
        await super().connect_to(address)  # type: ignore[no-untyped-call]
        if await self.connection_pool.get_master_address() != address:
            await self.disconnect()
            raise _replaced(address)


class AsyncioPrimaryTlsConnection(AsyncioPrimaryConnection, TlsConnection):
    """The same by TLS."""


class PrimaryConnection(SentinelManagedConnection):
    """A blocking connection to the primary."""

    def connect_to(self, address: tuple[str, int]) -> None:
        super().connect_to(address)  # type: ignore[no-untyped-call]
        if self.connection_pool.get_master_address() != address:
            self.disconnect()  # type: ignore[no-untyped-call]
            raise _replaced(address)


class PrimaryTlsConnection(PrimaryConnection, BlockingTlsConnection):
    """The same by TLS."""


def _replaced(address: tuple[str, int]) -> ConnectionError:
    return ConnectionError(f"{address[0]}:{address[1]} is no longer what the Sentinels name")
