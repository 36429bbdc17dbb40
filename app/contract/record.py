"""The record of a prediction as it is handed in and as it is read back.

Both are frozen: a record changes only in the store, by a move. Times are the store's, in milliseconds since the epoch.
"""

from dataclasses import dataclass
from typing import Any

from app.contract.states import FINAL, State


@dataclass(frozen=True, slots=True)
class Submission:
    """What a gateway asks the store to write down, under an id it made before the write."""

    task_id: str
    model: str
    input: bytes
    """JSON: `{"features": … , "match_id": …}`, as the worker will read it."""
    rows: int = 1
    """How many rows of a batch it fills (>= 1)."""
    match_id: int | None = None
    join_key: str = ""
    """Digest of what the prediction is about and its body; empty: it never joins."""
    join_version: str = ""
    """A success by this model version may be joined too."""
    fresh: bool = False
    """Ask for a new one: do not join by `join_key`, but be joined by it from now on."""
    idempotency_key: str = ""
    """Digest of client, model and key; empty: none was sent."""
    body_digest: str = ""
    """What the idempotency key must have come with."""
    head_start_ms: int = 0
    """How far before its time it stands in the order."""
    time_to_start_ms: int = 0
    """Expires when it has not begun by then; 0: never."""
    listener: str = ""
    """The channel of a gateway that waits for it: `watch` in the same step."""


@dataclass(frozen=True, slots=True)
class Record:
    """A record as the store answered it."""

    task_id: str
    state: State
    sequence: int
    epoch: int = 1
    attempts: int = 0
    suspect: bool = False
    match_id: int | None = None
    created_ms: int = 0
    begun_ms: int = 0
    ended_ms: int = 0
    run_ms: int = 0
    version: str = ""
    result: Any = None
    error: dict[str, Any] | None = None
    position: int | None = None
    """How many stand before it, while it waits."""

    @property
    def final(self) -> bool:
        """Whether it has ended; only a replay of a `failure` goes on from there."""
        return self.state in FINAL
