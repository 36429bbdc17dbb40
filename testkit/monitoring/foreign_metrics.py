"""Serves the metrics of others by HTTP: KEDA's, kube-state-metrics' and a GPU's.

A test has no cluster and no GPU, so what these answer is in the files of `foreign/`.
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

FOLDER = Path(__file__).with_name("foreign")


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        body = (FOLDER / f"{Path(self.path).name}.prom").read_bytes()
        with suppress(ConnectionError):  # Prometheus hangs up when a scrape takes too long
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; version=0.0.4")
            self.end_headers()
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Says nothing: Prometheus asks every second."""


@contextmanager
def served() -> Iterator[str]:
    """Yields the address at which `/keda` is KEDA's file, and so on."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
