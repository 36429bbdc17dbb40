"""A prediction as it is asked for, and its record as it is read back.

Both are frozen: a record changes only in the store, by a move. Times are the store's, in
milliseconds since the epoch.
"""

from dataclasses import dataclass
from typing import Any

from inference.states import FINAL, State
from inference.trace_context import TraceContext


@dataclass(frozen=True, slots=True)
class PredictionRequest:
    """A request for a prediction that passed all checks.

    The store writes it down under an id that the gateway made before.
    """

    task_id: str
    model: str
    input: bytes
    """JSON as the worker will read it: `{"features": … , "match_id": …, "params": …}`.

    `params` only if there are any.
    """
    rows: int = 1
    """How many rows of a batch it fills (>= 1)."""
    entity_key: int | None = None
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
    trace: TraceContext | None = None
    """The span that it belongs to, for those who look on (protocol rule 14)."""
    request_id: str = ""
    """The X-Request-ID that it came with."""
    longest_wait_ms: int = 0
    """Refuse it if by the measured rate it would take longer; 0: take it anyway."""


@dataclass(frozen=True, slots=True)
class Record:
    """A record as the store answered it."""

    task_id: str
    state: State
    sequence: int
    epoch: int = 1
    attempts: int = 0
    entity_key: int | None = None
    created_ms: int = 0
    begun_ms: int = 0
    ended_ms: int = 0
    run_ms: int = 0
    version: str = ""
    result: Any = None
    """The result as JSON's bytes in an `orjson.Fragment`, to those who read it.

    The store has a `Reference` where it is kept elsewhere.
    """
    error: dict[str, Any] | None = None
    trace: TraceContext | None = None
    """The span that it belongs to."""
    request_id: str = ""
    """The X-Request-ID of the call that made it; '' where none was kept."""
    position: int | None = None
    """How many stand before it, while it waits."""
    starts_in_ms: int | None = None
    """When it should have been claimed, by its position and the measured rate.

    None where no rate is known or no worker lives.
    """

    @property
    def final(self) -> bool:
        """Whether it has ended; only a replay of a `failure` goes on from there."""
        return self.state in FINAL


@dataclass(frozen=True, slots=True)
class Run:
    """A run that ended badly, as a dead letter's history has it."""

    epoch: int
    worker: str
    version: str
    """The model's; '' when the worker was lost and could not say."""
    began_ms: int
    ended_ms: int
    batch: int
    """How many records its claim named."""
    charged: bool
    """Whether it cost an attempt."""
    error: dict[str, Any] | None


@dataclass(frozen=True, slots=True)
class BadRun:
    """A run that a step ended badly, for those who look on (protocol rule 14).

    `state` is what its record became, `began_ms` is 0 where it never began.
    """

    task_id: str
    state: State
    began_ms: int = 0
    attempts: int = 0
    """Those charged to the record until now, this one too."""
    worker: str = ""
    due_in_ms: int = 0
    """For RETRY: how long the back-off is."""
    trace: TraceContext | None = None
    request_id: str = ""


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A prediction that failed for good.

    `input` and `history` are read only when it is asked for alone.
    """

    task_id: str
    entity_key: int | None
    created_ms: int
    ended_ms: int
    attempts: int
    epoch: int
    error: dict[str, Any] | None
    trace_id: str
    input: Any = None
    input_error: str = ""
    """Why an input that is kept elsewhere can't be shown."""
    history: tuple[Run, ...] = ()


@dataclass(frozen=True, slots=True)
class Place:
    """A place in the list of dead letters.

    The list is newest first, and what stands after the place comes next.
    """

    ended_ms: int
    task_id: str


@dataclass(frozen=True, slots=True)
class DeadLetters:
    """A page; `next` is where it ended, None at the end of the list."""

    items: tuple[DeadLetter, ...]
    next: Place | None
