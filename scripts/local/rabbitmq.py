"""A RabbitMQ of the run's own, from Debian's package."""

import os
import secrets
import shutil
from pathlib import Path

from inference.broker.rabbitmq_broker import CONSUMER_TIMEOUT_S
from scripts.local import probes
from scripts.local.process import Service
from scripts.local.run_dir import HOST, RunDir

USER = "inference"
_ERL_FLAGS = "+sbwt none +sbwtdcpu none +sbwtdio none -noinput"
"""It does not spin while it waits, since a laptop has few cores. It reads no terminal."""
_LOOPBACK = "-kernel inet_dist_use_interface {127,0,0,1}"


class RabbitMQ:
    """The broker and the epmd that tells its nodes' names.

    An epmd that RabbitMQ starts by itself stays behind, and the machine's own may be another run's.
    """

    def __init__(self, run_dir: RunDir, programs: Path) -> None:
        self._programs = programs
        self._folder = run_dir.folder / "rabbitmq"
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._port = run_dir.inner_port("rabbitmq")
        self._epmd_port = run_dir.inner_port("rabbitmq-epmd")
        self._node_port = run_dir.inner_port("rabbitmq-node")
        self._password = self._kept_password()
        self._write_settings()

    @property
    def url(self) -> str:
        """What BROKER_URL says."""
        return f"amqp://{USER}:{self._password}@{HOST}:{self._port}/%2F"

    @property
    def services(self) -> list[Service]:
        """Both services, in the order in which they are stopped."""
        names = ["epmd", "-port", str(self._epmd_port), "-address", HOST]
        return [
            Service(
                "rabbitmq",
                [str(self._programs / "rabbitmq-server")],
                self._env(),
                lambda: probes.takes_logins(HOST, self._port, USER, self._password),
                needs=("epmd",),
                why="the broker",
                stop_s=20,
            ),
            Service(
                "epmd",
                names,
                {},
                lambda: probes.listens(HOST, self._epmd_port),
                why="tells the names of RabbitMQ's nodes",
            ),
        ]

    def _kept_password(self) -> str:
        """Returns the password that this broker was given at its first start.

        Where that is lost, the broker begins anew: what it had were tickets, which are made again.
        """
        file = self._folder / "password"
        if not file.exists() or not file.read_text():
            shutil.rmtree(self._folder / "data", ignore_errors=True)
            _write_private(file, secrets.token_urlsafe(24))
        return file.read_text()

    def _write_settings(self) -> None:
        lines = [
            f"listeners.tcp.1 = {HOST}:{self._port}",
            f"default_user = {USER}",
            f"default_pass = {self._password}",
            "log.console = true",
            "log.file = false",
            # A queue may ask for as much from 3.12 on; before, this counts.
            f"consumer_timeout = {CONSUMER_TIMEOUT_S * 1000}",
        ]
        _write_private(self._folder / "rabbitmq.conf", "\n".join([*lines, ""]))
        (self._folder / "enabled_plugins").write_text("[].")
        (self._folder / "advanced.config").write_text("[].")
        (self._folder / "rabbitmq-env.conf").write_text("")

    def _env(self) -> dict[str, str]:
        """Returns its environment: all of its files in its folder, none of the machine's."""
        folder = self._folder
        return {
            "HOME": str(folder),
            "ERL_EPMD_PORT": str(self._epmd_port),
            "ERL_EPMD_ADDRESS": HOST,
            # Else an Erlang that finds no epmd starts one that nobody ends.
            "ERL_ZFLAGS": "-start_epmd false",
            "ERL_CRASH_DUMP": str(folder / "erl_crash.dump"),
            "RABBITMQ_NODENAME": "inference@localhost",
            "RABBITMQ_DIST_PORT": str(self._node_port),
            "RABBITMQ_CONF_ENV_FILE": str(folder / "rabbitmq-env.conf"),
            "RABBITMQ_CONFIG_FILE": str(folder / "rabbitmq.conf"),
            "RABBITMQ_CONFIG_FILES": str(folder / "conf.d" / "*.conf"),
            "RABBITMQ_ADVANCED_CONFIG_FILE": str(folder / "advanced.config"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "enabled_plugins"),
            "RABBITMQ_MNESIA_BASE": str(folder / "data"),
            "RABBITMQ_LOG_BASE": str(folder),
            "RABBITMQ_PID_FILE": str(folder / "pid"),
            # Else a shell stands between, which does not pass on the end of the run.
            "RABBITMQ_ALLOW_INPUT": "yes",
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": f"{_ERL_FLAGS} {_LOOPBACK}",
        }


def _write_private(file: Path, text: str) -> None:
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as out:
        out.write(text)
