"""Defines the requests and answers of the store's moves, the same for every kind of store.

An answer never says more than the step that gave it knew. `tickets` in an answer is how many
tickets the asker should publish so that what waits is covered (protocol rule 3); 0 nearly always.
"""

from dataclasses import dataclass
from enum import StrEnum

from inference.records import BadRun, Record
from inference.states import Pause, State
from inference.trace_context import TraceContext


class Submitted(StrEnum):
    """How a submission was taken."""

    ACCEPTED = "accepted"
    JOINED = "joined"
    CONFLICT = "conflict"
    FULL = "full"
    """Refused, nothing was written: as much is outstanding as may be."""
    PAUSED = "paused"
    """Refused, nothing was written: an operator paused the model so."""
    LATE = "late"
    """Refused, nothing was written: by the measured rate the caller's wait would end first."""


@dataclass(frozen=True, slots=True)
class SubmitAnswer:
    """`task_id` is the one that stands for the request: its own, or the one it joined."""

    kind: Submitted
    task_id: str
    state: State
    sequence: int
    tickets: int
    retry_after_ms: int = 0
    """For FULL, LATE and PAUSED: when there should be room, by the measured rate.

    -1 when nobody knows, as no worker lives.
    """
    trace: TraceContext | None = None
    """For JOINED: the span that the record belongs to."""


@dataclass(frozen=True, slots=True)
class ClaimRequest:
    """Claims up to `batch_rows` rows of a model under a fresh claim id.

    Whoever holds a ticket may ask.
    """

    model: str
    claim_id: str
    worker_id: str
    batch_rows: int
    max_batch_wait_ms: int = 0


class ClaimStatus(StrEnum):
    """What a claim got."""

    GRANTED = "granted"
    WAIT = "wait"
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class ClaimedRecord:
    """One record of a claim.

    `input` is None when the claim's hold on it has ended meanwhile (only seen by a claim sent
    again); then nothing else is said of it.
    """

    task_id: str
    input: bytes | None
    rows: int
    age_ms: int = 0
    """Since it was submitted, by the store's clock; 0 also where that stepped back."""
    epoch: int = 0
    fresh: bool = False
    """Whether it never began, in any epoch."""
    waited_ms: int = 0
    """How long it had waited since it last became `waiting`."""
    attempts: int = 0
    """Those charged to it before this run."""
    trace: TraceContext | None = None
    request_id: str = ""


@dataclass(frozen=True, slots=True)
class ClaimAnswer:
    """`wait_ms` says when to ask again with the same claim id, for `ClaimStatus.WAIT`."""

    kind: ClaimStatus
    records: tuple[ClaimedRecord, ...] = ()
    wait_ms: int = 0
    tickets: int = 0


class LeaseStatus(StrEnum):
    """What a renewal found; only `LOST` is a reason to stop the child."""

    NOT_YET = "not_yet"
    HELD = "held"
    ENDED = "ended"
    LOST = "lost"


@dataclass(frozen=True, slots=True)
class RenewAnswer:
    """`refused`: the claim is over its run limit and its lease was left to run out.

    `begun_for_ms` is None before *begin*.
    """

    kind: LeaseStatus
    held: tuple[str, ...] = ()
    refused: bool = False
    begun_for_ms: int | None = None


ALL = "*"
"""In place of a task id: every record that the claim still holds."""


class OutcomeKind(StrEnum):
    """How a claim lets go of a record.

    Whether a failure is charged, or only quarantines it, is the store's to say.
    """

    FINISH = "finish"
    FAIL = "fail"
    FAIL_FOR_GOOD = "fail_for_good"
    HAND_BACK = "hand_back"


@dataclass(frozen=True, slots=True)
class Outcome:
    """One record's end of run.

    `payload` is the result as JSON for FINISH, the error object as JSON for the failures.
    """

    task_id: str
    verb: OutcomeKind
    payload: bytes = b""
    own: bool = False
    """The failure is the record's own, whoever its batch mates were."""
    run_ms: int = 0


STALE = "void"
"""In an answer to `settle`: the claim no longer holds the record, which was left alone."""


@dataclass(frozen=True, slots=True)
class SettleAnswer:
    """Answers a `settle`.

    `words` has for each record the state it was moved to by the first such move of this claim, or
    `STALE`.
    """

    words: dict[str, str]
    tickets: int
    bad_runs: tuple[BadRun, ...] = ()
    """Empty in the answer to a move sent again."""


class WorkerState(StrEnum):
    """What a worker says of itself with each heartbeat."""

    LOADING = "loading"
    IDLE = "idle"
    BUSY = "busy"
    DRAINING = "draining"
    GONE = "gone"


@dataclass(frozen=True, slots=True)
class HeartbeatRequest:
    """A heartbeat; `WorkerState.GONE` is the last one."""

    model: str
    worker_id: str
    state: WorkerState
    version: str
    batch_rows: int
    period_ms: int = 1_000
    wants: str = ""
    """The version that it would load in place of the one it holds, '' if none."""
    turn_ms: int = 600_000
    """How long that may take before another worker may do the same."""
    problem: str = ""
    """What an operator should know, as a sentence."""
    identity: str = ""
    """What tells the version from another of the same number; '' where nobody knows."""


@dataclass(frozen=True, slots=True)
class HeartbeatAnswer:
    """Answers a heartbeat.

    `waiting` is how many records wait. `repair` is how many tickets this worker should publish,
    since nobody got one in two beats. With `my_turn` it may replace its version now; of the workers
    of a model one at a time does.
    """

    waiting: int
    repair: int
    my_turn: bool = False


@dataclass(frozen=True, slots=True)
class Cancelled:
    """`done` is False for a record that had ended otherwise."""

    record: Record
    done: bool


@dataclass(frozen=True, slots=True)
class Replayed:
    """`epoch` is the one now running, 0 when the replay named another than the record's last."""

    epoch: int
    tickets: int


@dataclass(frozen=True, slots=True)
class Paused:
    """Answers a `pause`: the tickets for what waited, once nothing is paused."""

    tickets: int


@dataclass(frozen=True, slots=True)
class Reaped:
    """What one run of the reaper did; `ran` is False when another gateway's had just run."""

    ran: bool
    quiet: bool = False
    reclaimed: int = 0
    retries_due: int = 0
    expired: int = 0
    results_expired: int = 0
    discarded: int = 0
    drift: int = 0
    tickets: int = 0
    bad_runs: tuple[BadRun, ...] = ()
    """Those that were reclaimed."""


@dataclass(frozen=True, slots=True)
class QueueCounts:
    """The numbers of one model's queue; `outstanding` is what KEDA reads."""

    waiting: int
    running: int
    retry: int
    outstanding: int
    oldest_waiting_ms: int
    dead_letters: int
    tickets: int
    """How many tickets are in flight, as far as the store knows."""
    drift: int
    """By how much `outstanding` had to be corrected since ever."""
    outstanding_bytes: int = 0
    """Bytes of the inputs of all outstanding."""
    dead_letter_bytes: int = 0
    rate: int = 0
    """Records ended in 10^9 s while others waited, smoothed over half a minute.

    That is how much the workers can do. 0: not known.
    """
    paused: Pause = Pause.OFF


@dataclass(frozen=True, slots=True)
class WorkerInfo:
    """A live worker by its last heartbeat."""

    worker_id: str
    state: WorkerState
    version: str
    since_ms: int
    batch_rows: int
    problem: str = ""
    identity: str = ""
    """What tells the version from another of the same number."""
