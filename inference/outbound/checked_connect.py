"""Connects only to addresses that were checked.

Each address that a name leads to is checked, and the checked address itself is connected to.

A name is looked up once for a connection. A second look, as an HTTP client's own would be, may get
another answer (DNS rebinding). This module needs httpcore2, so only a process that fetches imports
it.
"""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Iterable, Sequence
from ipaddress import ip_address

import httpcore2
from httpcore2 import SOCKET_OPTION, AsyncNetworkBackend, AsyncNetworkStream

from inference.outbound.address_policy import Address, Network, may_ask

Lookup = Callable[[str, int], Awaitable[Sequence[Address]]]
"""Finds the addresses of a name; raises `OSError`."""


class Refused(Exception):
    """A name leads to an address that may not be asked.

    Which one is not told: it would be a look into the network.
    """


class CheckedBackend(AsyncNetworkBackend):
    """What httpcore2 connects with; `dialled` is what really connects, and gets addresses alone."""

    def __init__(
        self,
        allowed: Sequence[Network],
        dialled: AsyncNetworkBackend | None = None,
        lookup: Lookup | None = None,
    ) -> None:
        self._allowed = tuple(allowed)
        self._dialled = dialled or httpcore2.AnyIOBackend()
        self._lookup = lookup or look_up

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109  httpcore2's own signature
        local_address: str | None = None,
        socket_options: Iterable[SOCKET_OPTION] | None = None,
    ) -> AsyncNetworkStream:
        """Connects to one of the host's addresses.

        Raises `Refused` if any of them is refused, so that luck does not decide which one is taken.
        """
        addresses = await self._lookup(host, port)
        if not addresses or not all(may_ask(address, self._allowed) for address in addresses):
            raise Refused(f"{host} leads to an address that may not be asked")
        for address in addresses[:-1]:
            try:
                return await self._dialled.connect_tcp(
                    str(address), port, timeout, local_address, socket_options
                )
            except httpcore2.ConnectError:
                continue
        return await self._dialled.connect_tcp(
            str(addresses[-1]), port, timeout, local_address, socket_options
        )

    async def sleep(self, seconds: float) -> None:
        await self._dialled.sleep(seconds)


async def look_up(host: str, port: int) -> Sequence[Address]:
    """The addresses of a name by the system's resolver, each once, in its order."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(ip_address(place[0]) for *_, place in found))
