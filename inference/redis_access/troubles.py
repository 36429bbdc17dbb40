"""Tells what can't get better by waiting from what can, and what a server says of itself."""

import ssl
from collections.abc import Iterator, Mapping
from typing import Any

from redis.exceptions import (
    AuthenticationError,
    AuthorizationError,
    ConnectionError,
    InvalidResponse,
    NoPermissionError,
    ResponseError,
)

from inference.errors import Misconfigured, first_line


class UnknownService(ConnectionError):
    """All Sentinels answered, and none of them watches a set of that name."""


def refuse_for_good(variable: str, what: str, error: BaseException) -> None:
    """Raises `Misconfigured` with a sentence for an error that waiting can't mend.

    `what` is "store" or "broker", and `variable` the setting that names it.
    """
    for cause in _causes(error):
        if sentence := _sentence(variable, what, cause):
            raise Misconfigured(sentence) from error


def is_for_good(error: BaseException) -> bool:
    """Whether waiting can't mend it."""
    return any(_sentence("", "", cause) for cause in _causes(error))


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The error and what it was raised for: redis-py hides TLS's behind its own."""
    seen: set[int] = set()
    cause: BaseException | None = error
    while cause is not None and id(cause) not in seen:
        seen.add(id(cause))
        yield cause
        cause = cause.__cause__ or cause.__context__


def _sentence(variable: str, what: str, error: BaseException) -> str:
    """Returns what is wrong for good, '' for an error that may pass."""
    said, sentence = first_line(error), ""
    match error:
        case UnknownService():
            sentence = f"{variable}: {said}"
        case AuthenticationError() | AuthorizationError():
            sentence = f"the {what} refused the credentials in {variable}: {said}"
        case NoPermissionError():
            sentence = (
                f"the user in {variable} may not do what the {what} is for: {said};"
                " docs/operations.md has the rights that it needs"
            )
        case ssl.SSLCertVerificationError():
            sentence = (
                f"the certificate of the {what} at {variable} can't be trusted:"
                f" {error.verify_message.rstrip('.') or said}; ssl_ca_certs in the URL"
                " names its CA, or CA_BUNDLE"
            )
        case ssl.SSLError() if not isinstance(error, ssl.SSLEOFError):
            sentence = _no_tls(variable, what, error)
        case InvalidResponse():
            sentence = f"what answers at {variable} is no Redis or Valkey: {said}"
        case ResponseError():
            sentence = _refused(variable, what, said)
    return sentence


def _no_tls(variable: str, what: str, error: ssl.SSLError) -> str:
    reason = (error.reason or "").upper()
    if "ALERT" in reason and not ("VERSION" in reason or "HANDSHAKE" in reason):
        return (
            f"the {what} at {variable} refused the client's certificate ({error.reason}):"
            " ssl_certfile and ssl_keyfile in the URL name one that it trusts"
        )
    if reason in ("WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "PACKET_LENGTH_TOO_LONG"):
        return (
            f"what answers at {variable} speaks no TLS: use redis:// for a plain port,"
            f" or the port for TLS ({error.reason})"
        )
    return f"no TLS with the {what} at {variable}: {first_line(error)}"


def _refused(variable: str, what: str, said: str) -> str:
    known = said.lower()
    if "unknown command" in known and "sentinel" in known:
        return f"what answers at {variable} is no Sentinel: redis:// names a server itself"
    if "unknown command" in known:
        return f"the {what} at {variable} is no Redis 7 or Valkey 8: {said}"
    if "db index" in known or "invalid database" in known:
        return f"the {what} has no such database as {variable} names: {said}"
    return ""


def facts_of_hello(reply: Any) -> dict[str, Any]:
    """Returns what a server says of itself in HELLO, by INFO's names.

    HELLO needs no right, so that it tells users who may not ask for INFO.
    """
    pairs = (
        reply.items() if isinstance(reply, Mapping) else zip(reply[::2], reply[1::2], strict=True)
    )
    told = {_text(name): _text(value) for name, value in pairs}
    kind = str(told.get("server", "redis"))
    return {
        "server_name": kind,
        f"{kind}_version": told.get("version", ""),
        "redis_mode": told.get("mode", ""),
        "role": told.get("role", ""),
    }


def refuse_mode(variable: str, what: str, info: Mapping[str, Any]) -> None:
    """Raises `Misconfigured` for a Redis Cluster, and for a Sentinel taken for a server."""
    mode = info.get("redis_mode") or info.get("server_mode")
    if info.get("cluster_enabled") or mode == "cluster":
        raise Misconfigured(
            f"the {what} is a Redis Cluster, which is not supported:"
            f" point {variable} at a single server"
        )
    if mode == "sentinel":
        raise Misconfigured(
            f"the {what} is a Sentinel: {variable} must read"
            " sentinel://host:26379/0?service_name=mymaster"
        )


def _text(value: Any) -> Any:
    return value.decode() if isinstance(value, bytes) else value
