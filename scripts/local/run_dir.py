"""Where a run keeps what it writes, and the port it serves.

Both must be its own, and that is checked before anything long.

Only the standard library, for `scripts/run` asks here before the packages are installed.
"""

import errno
import fcntl
import os
import random
import secrets
import shutil
import socket
import sys
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
HOST = "127.0.0.1"
INNER_PORTS = range(20_000, 30_000)
"""Below the ports that the kernel hands to clients.

One of those, while its server is down, can be taken by the very client that tries to reach it.
"""

RABBITMQ_PACKAGE = Path("/usr/lib/rabbitmq/lib")
"""Where Debian's package has its programs; those on PATH are for root and the machine's broker."""


class Refused(Exception):
    """A run cannot begin, or cannot go on.

    The message is one sentence for the person who started it.
    """


@dataclass(frozen=True)
class RunDir:
    """The folder of one run, its port, how many workers it has, and which broker."""

    folder: Path
    port: int
    workers: int
    rabbitmq: Path | None = None
    """The folder of RabbitMQ's programs; None where Redis carries the tickets."""

    @property
    def logs(self) -> Path:
        return self.folder / "logs"

    def lock(self, patience_s: float = 1.0) -> int:
        """Takes the folder and returns the descriptor that holds it.

        A run killed just now needs a moment to let go.
        """
        try:
            self.logs.mkdir(parents=True, exist_ok=True)
            held = os.open(self.folder / "lock", os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as error:
            raise Refused(
                f"STATE_DIR={self.folder} cannot be written: {error.strerror}."
            ) from error
        end = time.monotonic() + patience_s
        while True:
            try:
                fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return held
            except BlockingIOError:
                if time.monotonic() > end:
                    os.close(held)
                    raise Refused(
                        f"STATE_DIR={self.folder} is in use by another run:"
                        " stop that one, or choose another STATE_DIR and PORT."
                    ) from None
            time.sleep(0.05)

    def check_port(self) -> None:
        """Raises `Refused` if somebody listens on the port."""
        try:
            _bind(self.port)
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                raise Refused(
                    f"Port {self.port} is taken on {HOST}: choose another with PORT=…"
                ) from error
            raise Refused(f"PORT={self.port} cannot be used: {error.strerror}.") from error

    def installation(self) -> str:
        """Returns the name of this run in the store.

        It is the same as last time, whatever the folder is called now.
        """
        file = self.folder / "installation"
        if not file.exists():
            file.write_text(f"run-{secrets.token_hex(8)}")
        return file.read_text()

    def inner_port(self, name: str) -> int:
        """Returns the port of a service of this run: the same as last time, if it is free."""
        file = self.folder / f"{name}.port"
        kept = [int(file.read_text())] if file.exists() and file.read_text().isdigit() else []
        for port in [*kept, *random.sample(INNER_PORTS, 50)]:
            if _free(port):
                file.write_text(str(port))
                return port
        raise Refused(
            f"No free port between {INNER_PORTS.start} and {INNER_PORTS.stop} was found for {name}."
        )


def read_run_dir() -> RunDir:
    """Reads STATE_DIR, PORT, WORKERS and BROKER. Raises `Refused` for what cannot be."""
    folder = Path(os.environ.get("STATE_DIR") or ROOT / ".state").absolute()
    port, workers = _number("PORT", 8000, 1, 65535), _number("WORKERS", 1, 0, 64)
    return RunDir(folder, port, workers, _rabbitmq())


def _rabbitmq() -> Path | None:
    """Reads BROKER. Returns the folder of RabbitMQ's programs, or None for Redis."""
    broker = os.environ.get("BROKER") or ""
    if broker not in ("", "redis", "rabbitmq"):
        raise Refused(f"BROKER={broker} must be redis or rabbitmq.")
    if broker and os.environ.get("BROKER_URL"):
        raise Refused(
            f"BROKER={broker} starts a broker and BROKER_URL names one that runs:"
            " unset one of them."
        )
    if broker != "rabbitmq":
        return None
    found = sorted(RABBITMQ_PACKAGE.glob("rabbitmq_server-*/sbin"))
    if not found or not shutil.which("epmd"):
        raise Refused(
            "BROKER=rabbitmq needs RabbitMQ on this machine: apt install rabbitmq-server"
            " (Debian's package), or unset BROKER."
        )
    return found[-1]


def _number(name: str, default: int, least: int, most: int) -> int:
    text = os.environ.get(name) or str(default)
    if not text.isdecimal() or not least <= int(text) <= most:
        raise Refused(f"{name}={text} must be a whole number from {least} to {most}.")
    return int(text)


def _bind(port: int) -> None:
    with socket.socket() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((HOST, port))


def _free(port: int) -> bool:
    try:
        _bind(port)
    except OSError:
        return False
    return True


def main() -> int:
    """Says what would stop a run before it begins."""
    try:
        run_dir = read_run_dir()
        run_dir.check_port()
        os.close(run_dir.lock())
    except Refused as refusal:
        print(f"run: {refusal}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
