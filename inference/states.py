"""The states of a prediction and the words that the public reads for them.

Two vocabularies exist for one reason each: ours says what the service does with the record,
Celery's lets people who come from `AsyncResult` keep their code. Neither is ever parsed back.
"""

from enum import IntEnum, StrEnum
from typing import Literal, cast


class State(StrEnum):
    """Where a record is in its life; docs/protocol.md has the table of moves."""

    WAITING = "waiting"
    RUNNING = "running"
    RETRY = "retry"
    SUCCESS = "success"
    FAILURE = "failure"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    FORGOTTEN = "forgotten"
    """A tombstone: the result was dropped after its time, the id is still known (410)."""


class Pause(IntEnum):
    """Whether an operator has paused a model: nothing new starts, what runs goes on."""

    OFF = 0
    KEEP = 1
    """Submissions are kept and wait."""
    REFUSE = 2
    """Submissions that would make a record are refused."""


OUTSTANDING = frozenset({State.WAITING, State.RUNNING, State.RETRY})
FINAL = frozenset(State) - OUTSTANDING

PublicWord = Literal["submitted", "started", "retry", "success", "failure", "cancelled", "expired"]
"""The word for a record's state in an answer.

A forgotten record has no answer of its own, so its word is not among them.
"""

CeleryWord = Literal["PENDING", "STARTED", "RETRY", "SUCCESS", "FAILURE", "REVOKED"]

PUBLIC_WORDS = cast(
    dict[State, PublicWord],
    {state: state.value for state in State}
    | {State.WAITING: "submitted", State.RUNNING: "started"},
)

CELERY_WORDS: dict[State, CeleryWord] = {
    State.WAITING: "PENDING",
    State.RUNNING: "STARTED",
    State.RETRY: "RETRY",
    State.SUCCESS: "SUCCESS",
    State.FAILURE: "FAILURE",
    State.CANCELLED: "REVOKED",
    State.EXPIRED: "REVOKED",
}
