"""Describes a call of a script: a request and a reply, both of named fields.

Fields go by names so that either can gain one.

ARGV[1] is the request, a JSON object. Inputs and results are bytes and never JSON's: they follow as
ARGV[2], ARGV[3] and so on. A number in JSON is a double for Lua, exact up to 2^53. What may be
larger, such as a match's id, is sent as text. The reply is a flat list of names and values. A
reader takes the names it knows and ignores others.

Nothing here sends anything. A command is plain data, so the two clients share it, many can travel
in one pipeline, and a test can send it twice or late.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from functools import cache
from hashlib import sha1
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import orjson

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Reply = dict[str, Any]
"""A reply by its names; `now` is the store's time, which only tests look at."""

T = TypeVar("T")
D = TypeVar("D", bound="DataclassInstance")


@dataclass(frozen=True, slots=True)
class Script:
    """A script's text and the digest that EVALSHA names it by."""

    text: str
    digest: str


@cache
def script(name: str) -> Script:
    """Returns `<name>.lua` behind what all share.

    Only submit may be refused by a full store (protocol rule 11).
    """
    folder = files("inference.store.redis") / "lua"
    flags = "" if name == "submit" else " flags=allow-oom"
    shared = sorted((folder / "shared").iterdir(), key=lambda file: file.name)
    text = "\n".join(
        [
            f"#!lua{flags}",
            *(file.read_text() for file in shared),
            (folder / f"{name}.lua").read_text(),
        ]
    )
    return Script(text, sha1(text.encode(), usedforsecurity=False).hexdigest())


@dataclass(frozen=True, slots=True)
class Command(Generic[T]):
    """One call of a script. `prefix` begins all keys of the model, so that they share a slot."""

    name: str
    prefix: str
    request: Mapping[str, Any]
    read: Callable[[Reply], T]
    binary: tuple[bytes, ...] = ()

    @property
    def script(self) -> Script:
        """The script to load where the server does not know it."""
        return script(self.name)

    def evalsha(self, clock_offset_ms: int) -> tuple[str | int | bytes, ...]:
        """Returns the words that run the script.

        Only tests have a `clock_offset_ms` other than 0.
        """
        request = (
            {**self.request, "clock_offset_ms": clock_offset_ms}
            if clock_offset_ms
            else self.request
        )
        return ("EVALSHA", self.script.digest, 1, self.prefix, orjson.dumps(request), *self.binary)

    def answer(self, reply: list[Any]) -> T:
        """Reads what the script replied."""
        return self.read(by_name(reply))


def text(value: Any) -> Any:
    """Returns bytes as text, and anything else as it is."""
    return value.decode() if isinstance(value, bytes) else value


def by_name(pairs: list[Any]) -> Reply:
    """Reads a flat list of names and values."""
    return {text(name): value for name, value in zip(pairs[::2], pairs[1::2], strict=True)}


def known(kind: type[D], values: Mapping[str, Any]) -> D:
    """Makes a dataclass from the values that it has fields for.

    A newer program may have written more of them.
    """
    return kind(
        **{field.name: values[field.name] for field in fields(kind) if field.name in values}
    )
