"""Which servers can carry the store, and what is said of one that can't, or that may forget."""

from typing import Any

from inference.errors import Misconfigured, PrefixTaken, SchemaTooNew, StoreUnavailable
from inference.redis_access.troubles import refuse_mode

SCHEMA = 1
OLDEST = {"redis": (7, 0, 0), "valkey": (8, 0, 0)}
FAIL_OVER = (
    "the store is behind Sentinels: a fail-over may lose the accepted predictions that its replica"
    " did not have yet"
)


def judge(info: dict[str, Any], config: dict[str, str], *, behind_sentinels: bool = False) -> str:
    """Returns what is to be said of a server by its INFO and CONFIG, '' if nothing is.

    That is what it may lose, and what it does not tell; each may be empty. Raises `Misconfigured`
    for one that can't be the store, `StoreUnavailable` for one that may be soon.
    """
    refuse(info, behind_sentinels=behind_sentinels)
    # INFO has two of the settings too. What CONFIG says goes first.
    told = {
        "maxmemory": str(info.get("maxmemory", "0")),
        "maxmemory-policy": str(info.get("maxmemory_policy", "noeviction")),
        "appendonly": "no" if str(info.get("aof_enabled", "1")) == "0" else "yes",
    }
    refuse_policy(told | config)
    found = [unseen(info, config), weakness(told | config)]
    if behind_sentinels:
        found.append(FAIL_OVER)
    return "; ".join(sentence for sentence in found if sentence)


def refuse(info: dict[str, Any], *, behind_sentinels: bool = False) -> None:
    """Raises `Misconfigured`, with a sentence, for a server by its INFO that can't be the store."""
    refuse_mode("STORE_URL", "store", info)
    kind = str(info.get("server_name") or "redis")
    told = str(info.get(f"{kind}_version") or info.get("redis_version") or "")
    version = tuple(int(part) for part in told.split(".")[:3] if part.isdigit())
    if told and version < OLDEST.get(kind, OLDEST["redis"]):
        needed = ".".join(map(str, OLDEST.get(kind, OLDEST["redis"])[:2]))
        raise Misconfigured(
            f"the store is {kind} {told}, which is too old: the service needs {kind} {needed} or"
            " newer"
        )
    if info.get("role") in ("slave", "replica"):
        if behind_sentinels:  # a fail-over is under way, and they will name another
            raise StoreUnavailable("the server that the Sentinels name is a replica for now")
        raise Misconfigured("the store is a read-only replica: point STORE_URL at the primary")


def unseen(info: dict[str, Any], config: dict[str, str]) -> str:
    """Returns what could not be looked at since the server refuses it, as a sentence."""
    if config:
        return ""
    if not info:
        what = "its version, whether it is a Redis Cluster, syncs before it answers and evicts keys"
    elif "maxmemory_policy" in info:
        what = "whether it syncs before it answers (appendfsync)"
    else:
        what = "whether it syncs before it answers (appendfsync) and evicts keys (maxmemory-policy)"
    refused = "CONFIG GET" if "maxmemory_policy" in info else "INFO and CONFIG GET"
    return f"the store refuses {refused}, so it is not known {what}"


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
