"""The answers about dead letters, defined once, as those of `app.http.schemas` are."""

from typing import Any, NotRequired

from typing_extensions import TypedDict

from app.http.schemas import Accepted, RunError, TaskError


class FailedRun(TypedDict):
    """A run that ended badly.

    `batch` is how many its claim named, `version` null when the worker was lost.
    """

    epoch: int
    worker: str
    version: str | None
    began_at: str | None
    ended_at: str | None
    batch: int
    charged: bool
    error: RunError | None


class DeadLetterRow(TypedDict):
    """A prediction that failed for good."""

    task_id: str
    model: str
    match_id: NotRequired[int]
    error: TaskError | None
    attempts: int
    epoch: int
    created_at: str | None
    ended_at: str | None
    trace_id: str | None


class DeadLetterPage(TypedDict):
    """The newest first; `next` goes on from here, null at the end."""

    items: list[DeadLetterRow]
    next: str | None


class UnreadInput(TypedDict, total=False):
    """Why a large input can't be read."""

    input_error: str


class DeadLetterWhole(DeadLetterRow, UnreadInput):
    """With its input and every failed run.

    `input_error` is there when a large input can't be read, and says why.
    """

    input: Any
    history: list[FailedRun]


class ReplayedOne(Accepted):
    """The epoch that now runs."""

    epoch: int


class ReplayedAll(TypedDict):
    """How many."""

    replayed: int
