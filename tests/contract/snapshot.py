"""All that a store holds of one model, in one shape for every kind of store.

So it can be laid beside the specification's. `Move` is a call of the store as plain data: it can be
sent twice, or late, and the specification takes the very same one.
"""

from dataclasses import dataclass, field
from typing import Any

from inference.records import Run
from inference.states import FINAL, OUTSTANDING, State
from inference.trace_context import TraceContext


@dataclass(frozen=True, slots=True)
class Move:
    """A method of `WorkerStore` or `GatewayStore` and its arguments."""

    name: str
    args: tuple[Any, ...]


@dataclass(slots=True)
class Row:
    """A record, field by field; 0 and '' stand for what is not set."""

    state: State
    seq: int
    epoch: int = 1
    order: int = 0
    created: int = 0
    rows: int = 0
    attempts: int = 0
    quarantined: bool = False
    claim: str = ""
    named: int = 0
    worker: str = ""
    begun: int = 0
    began: bool = False
    starts_by: int = 0
    join: str = ""
    match_id: str = ""
    listeners: frozenset[str] = frozenset()
    input: bytes | None = None
    result: bytes | None = None
    error: bytes | None = None
    history: tuple[Run, ...] = ()
    version: str = ""
    run_ms: int = 0
    since: int = 0
    """When it became `waiting`, the last time."""
    trace: TraceContext | None = None
    request_id: str = ""
    ended: int = 0
    """When it became final or, for a tombstone, when it became that."""

    @property
    def outstanding(self) -> bool:
        return self.state in OUTSTANDING

    @property
    def final(self) -> bool:
        return self.state in FINAL


@dataclass(slots=True)
class Memory:
    """What is remembered of a claim id."""

    status: str
    ids: tuple[str, ...] = ()
    begun: int = 0
    renewed: int = 0
    words: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Post:
    """What is known of a worker by its heartbeats."""

    state: str
    version: str
    batch: int
    since: int
    seen: int
    idle_beats: int
    problem: str = ""
    identity: str = ""


@dataclass(slots=True)
class StoreSnapshot:
    """The whole store of a model."""

    records: dict[str, Row] = field(default_factory=dict)
    waiting: tuple[str, ...] = ()
    running: dict[str, int] = field(default_factory=dict)
    """When the lease of each runs out."""
    retry: dict[str, int] = field(default_factory=dict)
    """When each is due."""
    outstanding: dict[str, int] = field(default_factory=dict)
    quarantined_ids: frozenset[str] = frozenset()
    starts_by: dict[str, int] = field(default_factory=dict)
    ended: dict[str, int] = field(default_factory=dict)
    dead: dict[str, int] = field(default_factory=dict)
    tombs: dict[str, int] = field(default_factory=dict)
    claims: dict[str, Memory] = field(default_factory=dict)
    posts: dict[str, Post] = field(default_factory=dict)
    joins: dict[str, str] = field(default_factory=dict)
    idems: dict[str, tuple[str, str]] = field(default_factory=dict)
    meta: dict[str, int] = field(default_factory=dict)
    """The numbers of the meta key by their names there; those that are 0 left out."""


def difference(seen: StoreSnapshot, told: StoreSnapshot) -> str:
    """Says where the store and the specification part, or ''."""
    said = []
    for name in StoreSnapshot.__slots__:
        mine, yours = getattr(seen, name), getattr(told, name)
        if mine == yours:
            continue
        if isinstance(mine, dict):
            for key in sorted({*mine, *yours}):
                if mine.get(key) != yours.get(key):
                    said.append(
                        f"{name}[{key}]: the store has {mine.get(key)}, "
                        f"the specification {yours.get(key)}"
                    )
        else:
            said.append(f"{name}: the store has {mine}, the specification {yours}")
    return "\n".join(said)
