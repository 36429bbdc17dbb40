"""A real RabbitMQ for tests, from Debian's package, on free ports of 127.0.0.1."""

import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from urllib.parse import quote

import amqp

from testkit.preloaded import die_with_parent
from testkit.servers import free_port
from testkit.waiting import until

PACKAGE = "rabbitmq-server"
_MEMORY = "1GB"
_USER, _PASSWORD = "inference", "s3cret/@"
"""The password has what a URL must escape."""


ROOT = os.environ.get("RABBITMQ_ROOT", "")
"""Another Debian's root with its RabbitMQ, as mmdebstrap makes one; its /tmp must be ours."""

_ENTER = ["chroot", ROOT] if ROOT else []


def installed() -> Path | None:
    """Returns the folder of RabbitMQ's programs, or None where Debian's package is not there."""
    found = sorted(Path(f"{ROOT}/usr/lib/rabbitmq/lib").glob("rabbitmq_server-*/sbin"))
    if not found or not (ROOT or shutil.which("epmd")):
        return None
    return Path("/", found[-1].relative_to(ROOT or "/"))


class RabbitMQ:
    """A broker. A test may kill it, freeze it, and start it again on the same files.

    `lines` are added to its rabbitmq.conf. Its nodes' names are told by an epmd of its own, since
    one that RabbitMQ starts by itself stays behind.
    """

    def __init__(self, folder: Path, *lines: str) -> None:
        programs = installed()
        assert programs is not None, f"install Debian's {PACKAGE}"
        self._programs = programs
        self.folder = folder
        self.port = free_port()
        self._epmd_port, self._node_port = free_port(), free_port()
        self._lines = lines
        self._process: subprocess.Popen[bytes] | None = None
        self._epmd: subprocess.Popen[bytes] | None = None
        self._stopped = False

    def url(self, virtual_host: str = "/", password: str = _PASSWORD) -> str:
        secret, place = (quote(part, safe="") for part in (password, virtual_host))
        return f"amqp://{_USER}:{secret}@127.0.0.1:{self.port}/{place}"

    def start(self) -> None:
        """Starts it and waits until it answers."""
        self.launch()
        self.wait()

    def launch(self) -> None:
        """Starts it."""
        if self._process is not None:  # one that died
            _reap(self._process)
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "rabbitmq.conf").write_text("\n".join([*self._settings(), *self._lines, ""]))
        (self.folder / "enabled_plugins").write_text("[].")
        if self._epmd is None:
            names = ["epmd", "-port", str(self._epmd_port), "-address", "127.0.0.1"]
            self._epmd = self._run(names, "epmd.log")
        self._process = self._run([str(self._programs / "rabbitmq-server")], "rabbitmq.log")

    def wait(self) -> None:
        """Returns when it answers."""
        until(self.answers, "RabbitMQ to answer", limit_s=120)

    def _settings(self) -> list[str]:
        return [
            f"listeners.tcp.1 = 127.0.0.1:{self.port}",
            f"default_user = {_USER}",
            f"default_pass = {_PASSWORD}",
            "log.console = true",
            "log.file = false",
            "disk_free_limit.absolute = 50MB",
            f"vm_memory_high_watermark.absolute = {_MEMORY}",
        ]

    def _run(self, command: list[str], log: str) -> "subprocess.Popen[bytes]":
        with (self.folder / log).open("ab") as out:
            return subprocess.Popen(
                [*_ENTER, *command],
                stdin=subprocess.PIPE,
                stdout=out,
                stderr=out,
                start_new_session=True,
                env=self._env(),
                preexec_fn=die_with_parent,
            )

    def _env(self) -> dict[str, str]:
        own = {
            "HOME": str(self.folder),
            "ERL_EPMD_PORT": str(self._epmd_port),
            "RABBITMQ_NODENAME": "inference@localhost",
            "RABBITMQ_DIST_PORT": str(self._node_port),
            "RABBITMQ_CONFIG_FILE": str(self.folder / "rabbitmq.conf"),
            "RABBITMQ_MNESIA_BASE": str(self.folder / "data"),
            "RABBITMQ_LOG_BASE": str(self.folder),
            "RABBITMQ_PID_FILE": str(self.folder / "pid"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(self.folder / "enabled_plugins"),
            # Else a shell stands between, and the broker would outlive a test that is killed.
            "RABBITMQ_ALLOW_INPUT": "yes",
            # One scheduler that does not spin: the tests share two cores.
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "+S 1:1 +sbwt none +sbwtdcpu none +sbwtdio none",
        }
        return os.environ | own

    def answers(self) -> bool:
        """Whether it takes a connection of its user."""
        try:
            with self.connection():
                return True
        except (OSError, amqp.AMQPError):
            return False

    @contextmanager
    def connection(self, virtual_host: str = "/") -> Iterator[amqp.Connection]:
        """A plain connection of py-amqp."""
        with amqp.Connection(
            f"127.0.0.1:{self.port}",
            userid=_USER,
            password=_PASSWORD,
            virtual_host=virtual_host,
            connect_timeout=2,
            read_timeout=10,
        ) as connection:
            yield connection

    def depth(self, queue: str) -> int:
        """Returns how many messages wait in a queue; those that a worker holds do not."""
        return self._counts(queue)[0]

    def consumers(self, queue: str) -> int:
        return self._counts(queue)[1]

    def _counts(self, queue: str) -> tuple[int, int]:
        try:
            with self.connection() as connection, connection.channel() as channel:
                told = channel.queue_declare(queue, passive=True)
                return int(told.message_count), int(told.consumer_count)
        except amqp.NotFound:
            return 0, 0

    def delete(self, queue: str) -> bool:
        with self.connection() as connection, connection.channel() as channel:
            return bool(channel.queue_delete(queue))

    def purge(self, queue: str) -> int:
        """Takes all that waits out of a queue; returns how much that was."""
        with self.connection() as connection, connection.channel() as channel:
            return int(channel.queue_purge(queue))

    def double(self, queue: str) -> None:
        with self.connection() as connection, connection.channel() as channel:
            waiting = []
            while (message := channel.basic_get(queue)) is not None:
                waiting.append(message)
            for message in waiting:
                channel.basic_ack(message.delivery_tag)
                for _ in range(2):
                    copy = amqp.Message(message.body, **message.properties)
                    channel.basic_publish(copy, routing_key=queue)

    def return_until_dropped(self, queue: str) -> int:
        """Takes a message and gives it back until there is none; returns how often it came."""
        with self.connection() as connection, connection.channel() as channel:
            times = 0
            while (message := channel.basic_get(queue)) is not None:
                times += 1
                channel.basic_reject(message.delivery_tag, requeue=True)
            return times

    def ctl(self, *arguments: str) -> str:
        """Runs rabbitmqctl, which takes some seconds; returns what it prints."""
        done = subprocess.run(
            [*_ENTER, str(self._programs / "rabbitmqctl"), *arguments],
            env=self._env(),
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    @contextmanager
    def virtual_host(self, name: str) -> Iterator[str]:
        """Makes a virtual host for a while; yields its URL."""
        self.ctl("add_vhost", name)
        self.ctl("set_permissions", "-p", name, _USER, ".*", ".*", ".*")
        try:
            yield self.url(name)
        finally:
            self.ctl("delete_vhost", name)

    def raise_alarm(self) -> None:
        """Has it believe that its memory is full, so that it blocks all who publish."""
        self.ctl("set_vm_memory_high_watermark", "absolute", "1MB")

    def end_alarm(self) -> None:
        self.ctl("set_vm_memory_high_watermark", "absolute", _MEMORY)

    def signal(self, number: signal.Signals) -> None:
        """SIGSTOP freezes it, SIGCONT lets it go on."""
        assert self._process is not None
        self._stopped = number == signal.SIGSTOP
        self._process.send_signal(number)

    def died(self) -> bool:
        """Whether it ended and nobody started it again."""
        return self._process is not None and self._process.poll() is not None

    def kill(self) -> None:
        """Kills the broker and what it started; its epmd lives on for the next start."""
        if self._process is not None:
            with suppress(AssertionError):  # the folder of a queue that is gone is never noted
                until(self._has_noted_its_queues, "RabbitMQ to note its queues on disk", 10)
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            _reap(self._process)
            self._process, self._stopped = None, False
            until(self._is_free, "the killed broker's port to be free")

    def _has_noted_its_queues(self) -> bool:
        """Whether a node that is killed now will know its quorum queues.

        RabbitMQ 3.10 writes their names down up to seconds after it made them, and a queue whose
        name is lost has no leader until it is deleted.
        """
        if self._process is None or self._process.poll() is not None or self._stopped:
            return True
        for notes in self.folder.glob("data/*/quorum/*/names.dets"):
            noted = notes.read_bytes()
            if not all(
                place.name.encode() in noted for place in notes.parent.iterdir() if place.is_dir()
            ):
                return False
        return True

    def mend(self, *queues: str) -> None:
        """Makes it whole again: it runs, and the queues that tests used are gone."""
        if self._process is None or self.died():
            self.start()
        self.signal(signal.SIGCONT)
        self.wait()
        for queue in queues:
            until(partial(self._deleted, queue), f"{queue} to have a leader and go", limit_s=60)

    def _deleted(self, queue: str) -> bool:
        try:
            self.delete(queue)
        except (OSError, amqp.AMQPError):
            return False
        return True

    def _is_free(self) -> bool:
        with socket.socket() as sock:
            return sock.connect_ex(("127.0.0.1", self.port)) != 0

    def stop(self) -> None:
        """Kills the broker and its epmd."""
        self.kill()
        if self._epmd is not None:
            self._epmd.kill()
            _reap(self._epmd)
            self._epmd = None


def _reap(process: "subprocess.Popen[bytes]") -> None:
    process.wait()
    if process.stdin is not None:
        process.stdin.close()
