"""Looks at a server that breaks connections off without a word, which a wrong port for TLS does.

A server that has no TLS waits for the end of the line, or closes; one that has nothing else closes
too. It sends PING, and never a password.
"""

import socket
import ssl

from inference.redis_access.address import RedisAddress
from inference.redis_access.tls import Tls

PING = b"PING\r\n"
ALERT_S = 1.0
"""How long an alert may take after the handshake, in seconds."""


def tls_trouble(address: RedisAddress, what: str, error: BaseException, timeout_s: float) -> str:
    """Returns what is wrong about TLS as a sentence, '' where nothing was found.

    `error` is what a client met. It blocks for up to twice `timeout_s`. Behind Sentinels it
    looks at the first of them.
    """
    if not address.hosts or isinstance(_first_cause(error), ConnectionRefusedError):
        return ""
    host, variable = address.hosts[0], address.variable
    by_tls = address.sentinel_tls if address.service else address.tls
    if by_tls is None:
        said = _answer(host, Tls(verify="none", check_hostname=False), timeout_s)
        if said is None:
            return ""
        return f"the {what} at {variable} takes TLS alone: {_by_tls(address)}"
    if (_answer(host, None, timeout_s) or b"")[:1] in (b"+", b"-"):
        return (
            f"the {what} at {variable} speaks no TLS on port {host[1]}: name its port for TLS,"
            f" or leave TLS out of the URL"
        )
    if _refuses_certificate(host, by_tls, timeout_s):
        return (
            f"the {what} at {variable} refused the client's certificate: ssl_certfile and"
            " ssl_keyfile in the URL name one that it trusts"
        )
    return ""


def _by_tls(address: RedisAddress) -> str:
    return "add ssl=true to the URL" if address.service else "begin the URL with rediss://"


def _first_cause(error: BaseException) -> BaseException:
    while (cause := error.__cause__ or error.__context__) is not None:
        error = cause
    return error


def _answer(host: tuple[str, int], tls: Tls | None, timeout_s: float) -> bytes | None:
    """Returns what is answered to a PING, b'' without an answer, None if nobody could connect."""
    try:
        with socket.create_connection(host, timeout_s) as plain:
            if tls is None:
                return _ping(plain)
            with _context(tls).wrap_socket(plain) as secure:
                return _ping(secure)
    except OSError:
        return None


def _ping(connection: socket.socket) -> bytes:
    try:
        connection.sendall(PING)
        return connection.recv(64)
    except OSError:
        return b""


def _refuses_certificate(host: tuple[str, int], tls: Tls, timeout_s: float) -> bool:
    """Whether the server answers the handshake with an alert.

    It comes after the client took the handshake for done, and a client that writes first may not
    read it. A server that just closes may be a proxy whose server is away for now.
    """
    try:
        with (
            socket.create_connection(host, timeout_s) as plain,
            _context(tls).wrap_socket(plain) as secure,
        ):
            secure.settimeout(min(timeout_s, ALERT_S))
            secure.recv(1)
    except ssl.SSLError as error:
        return "ALERT" in (error.reason or "")
    except OSError:
        return False
    return False


def _context(tls: Tls) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    if tls.certfile:
        context.load_cert_chain(tls.certfile, tls.keyfile or None, tls.password)
    return context
