"""Fetches the URLs of a batch's inputs, all together and within one time.

Each fails alone, with a sentence.

Written on httpcore2 rather than a client above it. A client brings what would have to be switched
off here: proxies and passwords from the environment, cookies, redirects, decompression. A server
that compresses although it was asked not to is refused, so nothing fetched ever grows; an image is
compressed already.

The loop has a thread of its own and never ends. A look-up that hangs keeps a thread of the
resolver's until it gives up by itself, and nobody waits for that.
"""

import asyncio
import socket
import threading
from collections.abc import AsyncIterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import httpcore2
import httpx2
from httpcore2 import AsyncNetworkBackend

from inference.errors import InputUnavailable, InvalidInput
from inference.outbound.address_policy import refusal
from inference.outbound.checked_connect import CheckedBackend, Lookup, Refused
from inference.outbound.input_limits import InputLimits

MOST_REDIRECTS = 3
_LOOK_UPS = 64
_REDIRECTS = (301, 302, 303, 307, 308)
_AGAIN = (408, 425, 429)
"""Of the 4xx those that say "not now"."""

_HEADERS = [
    (b"Accept", b"image/*,*/*;q=0.1"),
    (b"Accept-Encoding", b"identity"),
    (b"User-Agent", b"inference-service"),
]
_NO_SUCH_HOST = (socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME))
_FOR_NOW = (
    TimeoutError,
    httpcore2.NetworkError,
    httpcore2.ProtocolError,
    httpcore2.TimeoutException,
    OSError,
)
_FOR_GOOD = (
    Refused,
    httpcore2.UnsupportedProtocol,
    httpcore2.LocalProtocolError,
    httpx2.InvalidURL,
    UnicodeError,
)

Failed = InvalidInput | InputUnavailable
Fetched = bytes | Failed
Pool = httpcore2.AsyncConnectionPool


class Fetcher:
    """Fetches over connections that it makes anew for each batch.

    It keeps no connection that was checked long ago, or that its server has given up.
    """

    def __init__(
        self,
        limits: InputLimits,
        dialled: AsyncNetworkBackend | None = None,
        lookup: Lookup | None = None,
    ) -> None:
        self._limits = limits
        self._backend = CheckedBackend(limits.allowed_networks, dialled, lookup)
        self._tls = httpcore2.default_ssl_context()
        self._loop = asyncio.new_event_loop()
        self._loop.set_default_executor(ThreadPoolExecutor(_LOOK_UPS, thread_name_prefix="look-up"))
        threading.Thread(target=self._loop.run_forever, name="fetcher", daemon=True).start()

    def fetch(self, urls: Sequence[str], field: str) -> list[Fetched]:
        """Fetches together; what fails is an error that names the field.

        Ends within the limit for fetching.
        """
        return asyncio.run_coroutine_threadsafe(self._all(urls, field), self._loop).result()

    async def _all(self, urls: Sequence[str], field: str) -> list[Fetched]:
        """Fetches all at once, without a bound on connections but the batch.

        A server that hangs must not keep the others' turn from them.
        """
        pool = httpcore2.AsyncConnectionPool(
            ssl_context=self._tls, max_connections=None, network_backend=self._backend
        )
        async with pool:
            return await asyncio.gather(*(self._one(pool, url, field) for url in urls))

    async def _one(self, pool: Pool, url: str, field: str) -> Fetched:
        name = field.rpartition(".")[2]
        try:
            async with asyncio.timeout(self._limits.fetch_limit_s):
                return await self._follow(pool, url, name)
        except (InvalidInput, InputUnavailable) as error:
            return type(error)(str(error), field)
        except _FOR_GOOD as error:
            return InvalidInput(f"{name} {_what(error)}", field)
        except _FOR_NOW as error:
            if isinstance(error, socket.gaierror) and error.errno in _NO_SUCH_HOST:
                return InvalidInput(f"{name} names a host that does not exist", field)
            late = (
                f" within {self._limits.fetch_limit_s:g} s"
                if isinstance(error, TimeoutError)
                else ""
            )
            return InputUnavailable(f"{name} could not be fetched{late}: {_why(error)}", field)

    async def _follow(self, pool: Pool, url: str, name: str) -> bytes:
        """Follows redirects, each judged as the first URL was."""
        place = httpx2.URL(url)
        for _ in range(MOST_REDIRECTS + 1):
            if reason := refusal(str(place), self._limits.allowed_networks):
                raise InvalidInput(f"{name} {reason}")
            content, location = await self._get(pool, place, name)
            if location is None:
                return content
            before, place = place, place.join(location)
            if before.scheme == "https" and place.scheme != "https":
                raise InvalidInput(f"{name} redirects from https to what is not")
        raise InvalidInput(f"{name} redirects more than {MOST_REDIRECTS} times")

    async def _get(self, pool: Pool, place: httpx2.URL, name: str) -> tuple[bytes, str | None]:
        """Returns the content, or where it is said to be."""
        url = httpcore2.URL(
            scheme=place.raw_scheme, host=place.raw_host, port=place.port, target=place.raw_path
        )
        headers = [(b"Host", place.netloc), *_HEADERS]
        async with pool.stream("GET", url, headers=headers) as response:
            told = {key.lower(): value for key, value in response.headers}
            if response.status in _REDIRECTS and b"location" in told:
                return b"", told[b"location"].decode("ascii")
            _check_status(response.status, name)
            if told.get(b"content-encoding", b"identity").strip().lower() != b"identity":
                raise InvalidInput(
                    f"{name} was sent compressed, although its server was asked not to"
                )
            if (
                told.get(b"content-length", b"0").isdigit()
                and int(told.get(b"content-length", b"0")) > self._limits.max_bytes
            ):
                raise self._too_large(name)
            return await self._read(response.aiter_stream(), name), None

    async def _read(self, stream: AsyncIterator[bytes], name: str) -> bytes:
        """Counts what really comes, whatever was told."""
        content = bytearray()
        async for chunk in stream:
            content += chunk
            if len(content) > self._limits.max_bytes:
                raise self._too_large(name)
        return bytes(content)

    def _too_large(self, name: str) -> InvalidInput:
        return InvalidInput(f"{name} has more than {self._limits.max_bytes} bytes")


def _check_status(status: int, name: str) -> None:
    if status in _AGAIN or status >= 500:
        raise InputUnavailable(f"{name} could not be fetched: its server answered {status}")
    if status != 200:
        raise InvalidInput(f"{name} can't be fetched: its server answered {status}")


def _what(error: Exception) -> str:
    return (
        "names an address that may not be asked"
        if isinstance(error, Refused)
        else "is no URL that can be asked"
    )


def _why(error: Exception) -> str:
    """In words of our own: a library's may name addresses."""
    if isinstance(error, socket.gaierror):
        return "the name of its host could not be looked up"
    if isinstance(error, httpcore2.ProtocolError):
        return "its server broke off, or does not speak HTTP"
    return (
        "its server does not answer"
        if isinstance(error, TimeoutError)
        else "its server can't be reached, or broke off"
    )
