"""Serves the parent's small HTTP port: /livez, /readyz and /metrics.

A thread answers while the model runs in the child.
"""

import json
import socket
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import structlog

from inference.store.messages import WorkerState
from worker.exposition import Exposition
from worker.parent.parent_thread import ParentThread

log = structlog.get_logger()
READY = frozenset({WorkerState.IDLE, WorkerState.BUSY})


class ProbeServer(ThreadingHTTPServer):
    """Serves the probes of one worker."""

    daemon_threads = True

    def __init__(self, host: str, port: int, parent: ParentThread) -> None:
        if host == "::" and not socket.has_dualstack_ipv6():
            host = "0.0.0.0"
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        super().__init__((host, port), _Probe)
        self.parent = parent
        self.exposition = Exposition(parent.settings.model, parent.child_status)

    def server_bind(self) -> None:
        """Takes IPv4 too where it listens on every address."""
        if self.address_family == socket.AF_INET6:
            self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        super().server_bind()

    def start(self) -> None:
        """Serves from a thread of its own, and says where: the port may be one that was free."""
        host, port = str(self.server_address[0]), self.server_address[1]
        place = f"[{host}]" if ":" in host else host
        log.info("probes.served", metrics=f"http://{place}:{port}/metrics")
        Thread(target=self.serve_forever, name="probes", daemon=True).start()


class _Probe(BaseHTTPRequestHandler):
    server: ProbeServer

    def do_GET(self) -> None:
        parent = self.server.parent
        path = self.path.partition("?")[0].rstrip("/")
        if path == "/livez":
            self._say(
                200 if parent.alive else 503, {"status": "alive" if parent.alive else "stuck"}
            )
        elif path == "/readyz":
            state = parent.state
            self._say(
                200 if state in READY else 503,
                {"status": state.value, "model_version": parent.child_status.version()},
            )
        elif path == "/metrics":
            text, content_type = self.server.exposition.text(self.headers.get("Accept", ""))
            self._send(200, content_type, text)
        else:
            self._say(
                404,
                {"status": "unknown", "detail": "this port answers /livez, /readyz and /metrics"},
            )

    def _say(self, status: int, body: dict[str, str]) -> None:
        self._send(status, "application/json", json.dumps(body).encode())

    def _send(self, status: int, content_type: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Probes come every few seconds; they are not news."""
