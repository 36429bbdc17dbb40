"""A port that leads to another server once it is opened; before, nobody answers there."""

import socket
import socketserver
import threading
from contextlib import suppress

from testkit.servers import free_port


class Door:
    """A server's second address, which a test may open later than the first.

    With `host` "::1" it is one of IPv6.
    """

    def __init__(self, leads_to: int, host: str = "127.0.0.1") -> None:
        self.host = host
        self.port = free_port()
        self.url = f"http://{f'[{host}]' if ':' in host else host}:{self.port}"
        self._leads_to = leads_to
        self._server: socketserver.ThreadingTCPServer | None = None

    def open(self) -> None:
        """Lets callers through from now on."""
        leads_to = self._leads_to

        class Passage(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                with socket.create_connection(("127.0.0.1", leads_to)) as behind:
                    back = threading.Thread(target=_pump, args=(behind, self.request), daemon=True)
                    back.start()
                    _pump(self.request, behind)
                    back.join()

        class Server(socketserver.ThreadingTCPServer):
            address_family = socket.AF_INET6 if ":" in self.host else socket.AF_INET

        self._server = Server((self.host, self.port), Passage)
        self._server.daemon_threads = True
        self._server.block_on_close = False
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def close(self) -> None:
        """Lets nobody new through; who is inside stays."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None


def _pump(source: socket.socket, to: socket.socket) -> None:
    """Passes on what comes until it ends."""
    with suppress(OSError):
        while data := source.recv(65_536):
            to.sendall(data)
    with suppress(OSError):
        to.shutdown(socket.SHUT_WR)
