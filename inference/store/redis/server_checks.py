"""Which servers can carry the store, and what is said of one that can't, or that may forget."""

from typing import Any

from inference.errors import Misconfigured, PrefixTaken, SchemaTooNew

SCHEMA = 1
OLDEST = {"redis": (7, 0, 0), "valkey": (8, 0, 0)}


def refuse(info: dict[str, Any]) -> None:
    """Raises `Misconfigured`, with a sentence, for a server by its INFO that can't be the store."""
    kind = str(info.get("server_name", "redis"))
    told = str(info.get(f"{kind}_version", info.get("redis_version", "0")))
    version = tuple(int(part) for part in told.split(".")[:3] if part.isdigit())
    if version < OLDEST.get(kind, OLDEST["redis"]):
        needed = ".".join(map(str, OLDEST.get(kind, OLDEST["redis"])[:2]))
        raise Misconfigured(
            f"the store is {kind} {told}, which is too old: the service needs {kind} {needed} or"
            " newer"
        )
    if info.get("cluster_enabled") or info.get("redis_mode") == "cluster":
        raise Misconfigured(
            "the store is a Redis Cluster, which is not supported:"
            " point STORE_URL at a single server"
        )
    if info.get("role") in ("slave", "replica"):
        raise Misconfigured("the store is a read-only replica: point STORE_URL at the primary")


def weakness(config: dict[str, str]) -> str:
    """Returns what a crash of the server may lose, as a sentence.

    It is '' for a server that syncs before it answers.
    """
    if config.get("appendonly", "yes") != "yes":
        return (
            "the store keeps no append-only file: a crash may lose every accepted prediction since"
            " its last snapshot"
        )
    if config.get("appendfsync", "always") != "always":
        policy = config["appendfsync"]
        return (
            f"the store syncs with appendfsync {policy}: a crash may lose the last second or so of"
            " accepted predictions"
        )
    return ""


def refuse_policy(config: dict[str, str]) -> None:
    """Raises `Misconfigured` for a store that would drop records to make room."""
    policy = config.get("maxmemory-policy", "noeviction")
    if policy != "noeviction" and config.get("maxmemory", "0") != "0":
        raise Misconfigured(
            f"the store evicts keys when full (maxmemory-policy {policy}), which loses predictions:"
            " set it to noeviction"
        )


def refuse_owner(key_prefix: str, installation: str, owner: str) -> None:
    """Raises `PrefixTaken` where the keys belong to another installation.

    `owner` is '' where they belong to nobody.
    """
    if owner in ("", installation):
        return
    me = f"this is {installation}" if installation else "INSTALLATION is not set here"
    raise PrefixTaken(
        f"the store's keys under KEY_PREFIX={key_prefix} belong to the installation {owner},"
        f" and {me}: give this one a KEY_PREFIX"
        f" of its own, or hand the keys over with SET {key_prefix}:owner"
        f" {installation or 'and a name for INSTALLATION'}"
    )


def refuse_schema(model: str, found: int) -> None:
    """Raises `SchemaTooNew` for keys laid out by a newer program."""
    if found > SCHEMA:
        raise SchemaTooNew(
            f"the records of model {model} have schema {found} and this program knows {SCHEMA}:"
            " upgrade it"
        )
