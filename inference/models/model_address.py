"""Reads the addresses of models, and names the pools that serve them.

MLflow takes nearly any text as a model's name. A pool's name is a part of keys, queues, task ids
and metrics, so it is short and plain. Gateways and workers derive the same one from a model's.
"""

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

from inference.ids import MODEL_NAME

SCHEME = "models:/"
MOST_NAME = 256
"""Characters of a model's name, as MLflow's database has it."""

_ALIAS = re.compile(r"[\w-]{1,255}")
_VERSION = re.compile(r"[1-9][0-9]{0,17}")
_POOL_LENGTH = 40
_BETWEEN_ENTRIES = re.compile(rf",(?=\s*(?:[^\s,=]*\s*=\s*)?{SCHEME}|[\s,]*$)")


@dataclass(frozen=True, slots=True)
class ModelAddress:
    """What an address of a registered model says: its name, and an alias or a version."""

    name: str
    alias: str = ""
    version: str = ""

    @classmethod
    def read(cls, uri: str) -> Self:
        """Reads `models:/name@alias` or `models:/name/version`; raises ValueError for others.

        A name may have a `@`, an alias has none: the last one counts.
        """
        scheme, mark, rest = uri.partition(SCHEME)
        if not scheme and mark:
            name, slash, version = rest.partition("/")
            if slash:
                address = cls(name, version=version)
            else:
                name, _, alias = rest.rpartition("@")
                address = cls(name, alias=alias)
            if address._fits():
                return address
        raise ValueError(
            f"{uri!r} is not a model: it must read {SCHEME}name@alias or {SCHEME}name/version,"
            " the name without / and :, the alias of letters, digits, _ and -, the version a number"
        )

    def _fits(self) -> bool:
        """Whether MLflow could take it (mlflow.utils.validation)."""
        named = self.name.strip() and self.name != "." and not self.name.startswith("..")
        which = _VERSION.fullmatch(self.version) or _ALIAS.fullmatch(self.alias)
        return bool(named and which and ":" not in self.name and len(self.name) <= MOST_NAME)

    def of_version(self, version: str) -> str:
        """The address of one version of this model."""
        return f"{SCHEME}{self.name}/{version}"


def entries_of(text: str) -> tuple[str, ...]:
    """Splits a list at its commas; a comma in a model's name stays, since no entry follows it."""
    return tuple(part.strip() for part in _BETWEEN_ENTRIES.split(text) if part.strip(", \t\n"))


def pool_of(entry: str) -> tuple[str, str]:
    """Splits `pool=models:/name@alias` into the pool's name and the model's address.

    Without one the pool's name is derived from the model's. Raises ValueError for anything else.
    """
    pool, named, uri = ("", "", entry) if entry.startswith(SCHEME) else entry.partition("=")
    uri = uri.strip() if named else entry
    address = ModelAddress.read(uri)
    return check_pool(pool.strip()) if named else derived_pool(address.name), uri


def pools_of(entries: Iterable[str]) -> dict[str, str]:
    """Returns the address of each pool's model, in order, of the entries of MODEL_URIS.

    Raises ValueError for two pools of one name, or of one address.
    """
    found: dict[str, str] = {}
    for pool, uri in map(pool_of, entries):
        if uri in found.values():
            raise ValueError(f"MODEL_URIS names {uri} more than once")
        if pool in found:
            raise ValueError(
                f"MODEL_URIS has two pools named {pool}, for {found[pool]} and for {uri}:"
                f" give one another name, as in {pool[:35]}-next={uri}"
            )
        found[pool] = uri
    return found


def check_pool(name: str) -> str:
    """Returns a pool's name; raises ValueError for what can't be one."""
    if not MODEL_NAME.fullmatch(name):
        raise ValueError(
            f"{name!r} is no name of a pool: small letters, digits and hyphens,"
            f" {_POOL_LENGTH} at most"
        )
    return name


def derived_pool(model: str) -> str:
    """Returns the name of a model's pool where none is given.

    That is the model's in small letters, without accents, and a hyphen for each run of other
    characters. Raises ValueError where nothing is left.
    """
    plain = "".join(c for c in unicodedata.normalize("NFKD", model) if not unicodedata.combining(c))
    name = re.sub(r"[^a-z0-9-]+", "-", plain.lower()).strip("-")[:_POOL_LENGTH].rstrip("-")
    if not name:
        raise ValueError(
            f"no name of a pool can be made of {model!r}: give one,"
            f" as in some-name={SCHEME}{model}@production"
        )
    return name
