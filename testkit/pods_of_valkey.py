"""Valkey in a cluster as people run it: two servers that three Sentinels watch, TLS, and users.

The Valkey of the trial's image is built without TLS, so `testkit/tls_front.py` stands before each.
Replicas and Sentinels use the same addresses without TLS; the service is told of TLS alone.
"""

import base64
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import redis

from testkit.certificates import Authority
from testkit.cluster import Cluster, Json
from testkit.secure_valkey import documented_users, login
from testkit.sentinels import SERVICE
from testkit.stack import ROOT

SERVERS = ("server-0", "server-1")
SENTINELS = ("sentinel-0", "sentinel-1", "sentinel-2")
_PORT, _INNER = 6379, 6380
_SENTINEL_PORT, _INNER_SENTINEL = 26379, 26380
_CERTIFICATES, _PROGRAM = "certificates", "tls-front"
_SECURITY = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}


class PodsOfValkey:
    """The servers of one namespace. The Secret `certificates` has what a client needs as well."""

    secret = _CERTIFICATES

    def __init__(self, cluster: Cluster, image: str) -> None:
        self._cluster = cluster
        self._image = image
        self._addresses: dict[str, str] = {}
        """Of the Services: Sentinels would ask the DNS for names, and stand still meanwhile."""

    def start(self, folder: Path) -> None:
        """Makes all of it, and returns when it answers."""
        self._apply(
            *(_service(name, _PORT) for name in SERVERS),
            *(_service(name, _SENTINEL_PORT) for name in SENTINELS),
        )
        services = json.loads(self._cluster.kubectl("get", "services", "-o", "json"))["items"]
        self._addresses = {each["metadata"]["name"]: each["spec"]["clusterIP"] for each in services}
        authority = Authority(folder)
        certificate, key = authority.issue("all", *self._addresses.values())
        files = {"ca.crt": authority.ca, "tls.crt": certificate, "tls.key": key}
        data = {name: base64.b64encode(file.read_bytes()).decode() for name, file in files.items()}
        program = (ROOT / "testkit" / "tls_front.py").read_text(encoding="utf-8")
        self._apply(
            _object("Secret", _CERTIFICATES, data=data),
            _object("ConfigMap", _PROGRAM, data={"tls_front.py": program}),
            *(self._server(name) for name in SERVERS),
            *(self._sentinel(name) for name in SENTINELS),
        )
        pods = [f"pod/{name}" for name in (*SERVERS, *SENTINELS)]
        self._cluster.kubectl("wait", *pods, "--for=condition=Ready", "--timeout=60s")

    def url(self, user: str, password: str, database: int, mount: str) -> str:
        """Returns the URL of a user, with the files of the chart's mount `/tls/<mount>`."""
        hosts = ",".join(f"{self._addresses[name]}:{_SENTINEL_PORT}" for name in SENTINELS)
        files = {"ssl_ca_certs": "ca.crt", "ssl_certfile": "tls.crt", "ssl_keyfile": "tls.key"}
        query = "&".join(f"{name}=/tls/{mount}/{file}" for name, file in files.items())
        place = f"{login(user, password)}@{hosts}/{database}"
        return f"sentinel://{place}?service_name={SERVICE}&{query}"

    def set_users(self, *words: str) -> None:
        """Changes the documented users on each server; with no words it makes them."""
        for server in SERVERS:
            with self.client(server) as client:
                for name, *rights in documented_users("inference"):
                    said = client.execute_command("ACL", "SETUSER", name, *(words or rights))  # type: ignore[no-untyped-call]
                    assert said == b"OK", said

    def refused(self, server: str) -> list[str]:
        """Returns what the server refused its users, as `user: what`."""
        with self.client(server) as client:
            return [f"{entry['username']}: {entry['object']}" for entry in client.acl_log()]

    @contextmanager
    def client(self, server: str) -> Iterator[redis.Redis]:
        """A client of a server, as the user default."""
        with (
            self._cluster.forwarded(f"pod/{server}", _PORT) as url,
            redis.Redis(port=urlsplit(url).port or 0) as client,
        ):
            yield client

    def primary(self) -> str:
        """The server that the first Sentinel names."""
        with (
            self._cluster.forwarded(f"pod/{SENTINELS[0]}", _SENTINEL_PORT) as url,
            redis.Redis(port=urlsplit(url).port or 0) as client,
        ):
            address = client.sentinel_master(SERVICE)["ip"]
        return next(name for name, own in self._addresses.items() if own == address)

    def kill(self, server: str) -> None:
        self._cluster.kubectl("delete", "pod", server, "--grace-period=0", "--force")

    def _apply(self, *objects: Json) -> None:
        text = json.dumps({"apiVersion": "v1", "kind": "List", "items": objects})
        self._cluster.kubectl("apply", "-f", "-", stdin=text)

    def _server(self, name: str) -> Json:
        own = f"--bind 127.0.0.1 --port {_INNER} --dir /data --appendonly yes --appendfsync always"
        address = self._addresses[name]
        announced = f"--replica-announce-ip {address} --replica-announce-port {_PORT}"
        command = f'valkey-server {own} {announced} --save "" --maxmemory-policy noeviction'
        if name != SERVERS[0]:
            command += f" --replicaof {self._addresses[SERVERS[0]]} {_PORT}"
        return self._pod(name, command, f"{_PORT}:{_INNER}")

    def _sentinel(self, name: str) -> Json:
        lines = [
            f"port {_INNER_SENTINEL}",
            "bind 127.0.0.1",
            f"sentinel announce-ip {self._addresses[name]}",
            f"sentinel announce-port {_SENTINEL_PORT}",
            f"sentinel monitor {SERVICE} {self._addresses[SERVERS[0]]} {_PORT} 2",
            f"sentinel down-after-milliseconds {SERVICE} 2000",
            f"sentinel failover-timeout {SERVICE} 10000",
        ]
        text = "\\n".join(lines)
        command = f"printf '{text}\\n' > /data/conf; exec valkey-server /data/conf --sentinel"
        return self._pod(name, command, f"{_SENTINEL_PORT}:{_INNER_SENTINEL}")

    def _pod(self, name: str, command: str, ports: str) -> Json:
        files = [f"/tls/{file}" for file in ("tls.crt", "tls.key", "ca.crt")]
        front = ["python3", "/program/tls_front.py", *files, ports, "--host", "0.0.0.0"]
        valkey = _container("valkey", self._image, ["sh", "-c", command])
        proxy = _container("tls", self._image, [*front, "--plain-too"])
        port = int(ports.partition(":")[0])
        proxy["readinessProbe"] = {"tcpSocket": {"port": port}, "periodSeconds": 1}
        spec = {
            "automountServiceAccountToken": False,
            "terminationGracePeriodSeconds": 1,
            "securityContext": {
                "runAsNonRoot": True,
                "runAsUser": 10001,
                "fsGroup": 10001,
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            "containers": [valkey, proxy],
            "volumes": [
                {"name": "data", "emptyDir": {}},
                {"name": "tls", "secret": {"secretName": _CERTIFICATES}},
                {"name": "program", "configMap": {"name": _PROGRAM}},
            ],
        }
        return _object("Pod", name, {"pod": name}, spec=spec)


def _service(name: str, port: int) -> Json:
    return _object("Service", name, spec={"selector": {"pod": name}, "ports": [{"port": port}]})


def _container(name: str, image: str, command: list[str]) -> Json:
    mounts = {"data": "/data", "tls": "/tls", "program": "/program"}
    return {
        "name": name,
        "image": image,
        "command": command,
        "securityContext": _SECURITY,
        "volumeMounts": [{"name": each, "mountPath": path} for each, path in mounts.items()],
    }


def _object(kind: str, name: str, labels: dict[str, str] | None = None, **rest: object) -> Json:
    metadata = {"name": name, "labels": labels or {}}
    return {"apiVersion": "v1", "kind": kind, "metadata": metadata, **rest}
