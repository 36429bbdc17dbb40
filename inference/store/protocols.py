"""Defines the store as the gateway and the worker see it.

Every method is one atomic step and may be sent twice or late (protocol rule 1).

The gateway waits on an event loop and the worker on threads, so there are two Protocols; a store
implements both over the same moves. Every method raises `StoreUnavailable` when the store does not
answer in time, and then the outcome may be unknown.
"""

from collections.abc import Sequence
from typing import Protocol

from inference.records import DeadLetter, DeadLetters, Place, PredictionRequest, Record
from inference.states import Pause
from inference.store.messages import (
    Cancelled,
    ClaimAnswer,
    ClaimRequest,
    HeartbeatAnswer,
    HeartbeatRequest,
    Outcome,
    Paused,
    QueueCounts,
    Reaped,
    RenewAnswer,
    Replayed,
    SettleAnswer,
    SubmitAnswer,
    WorkerInfo,
)
from inference.store.purged import Purged


class WorkerStore(Protocol):
    """What a worker asks of the store; safe to share between threads."""

    def claim(self, ask: ClaimRequest) -> ClaimAnswer:
        """Takes records for a claim id, or answers again what that claim id got."""

    def begin(self, model: str, claim_id: str, task_ids: Sequence[str]) -> tuple[str, ...]:
        """Names the records about to be run; answers those still held.

        The run limit counts from the first begin.
        """

    def renew(self, model: str, claim_id: str, limit_ms: int) -> RenewAnswer:
        """Extends the lease of what the claim holds, but not past begin + `limit_ms`."""

    def settle(
        self, model: str, claim_id: str, outcomes: Sequence[Outcome], version: str
    ) -> SettleAnswer:
        """Ends the claim's hold on the records named.

        Finishes, fails, quarantines or hands back each of them, all in one write.
        """

    def heartbeat(self, beat: HeartbeatRequest) -> HeartbeatAnswer:
        """Says that the worker lives, and learns how much waits."""

    def tickets_published(self, model: str, published: int) -> int:
        """Counts the tickets just published as in flight; answers how many are missing still."""

    def check(self, model: str) -> str:
        """Raises `Misconfigured` for a store that can't be used; answers a warning, or ''.

        Includes `own`.
        """

    def own(self, model: str) -> None:
        """Marks the keys as this installation's if they are nobody's.

        Raises `PrefixTaken` if they are another's.
        """


class GatewayStore(Protocol):
    """What a gateway asks of the store, on its event loop."""

    async def submit(self, submission: PredictionRequest) -> SubmitAnswer:
        """Writes a record down, or joins the one that stands for the same request."""

    async def knows_key(self, model: str, idempotency_key: str) -> bool:
        """Says whether the key stands for a record of this model.

        No move: a gateway looks where a key may be before it chooses a pool.
        """

    async def watch(self, task_id: str, channel: str) -> Record | None:
        """Answers the record and, if it has not ended, adds the channel to its listeners.

        With '' for the channel it only reads.
        """

    async def cancel(self, task_id: str) -> Cancelled | None:
        """Ends an outstanding record at once; None for an unknown id."""

    async def replay(self, task_id: str, epoch: int) -> Replayed:
        """Sends a `failure` of that epoch round again, its attempts forgotten."""

    async def dead_letters(
        self, model: str, after: Place | None, error_type: str, limit: int
    ) -> DeadLetters:
        """Lists a model's failures, the newest first; '' is any type.

        A page may hold fewer than `limit` and not be the last.
        """

    async def dead_letter(self, task_id: str) -> DeadLetter | None:
        """Answers one with its input and its history; None for what is no failure."""

    async def discard_dead_letter(self, task_id: str) -> bool:
        """Drops a `failure` and its input; answers whether it is a tombstone now."""

    async def reap(self, model: str) -> Reaped:
        """Reclaims lost records, wakes those that are due, drops old ones.

        Any number of gateways may call it.
        """

    async def pause(self, model: str, pause: Pause) -> Paused:
        """Pauses a model or, with `Pause.OFF`, lets it go on. The last word that arrives counts."""

    async def purge(self, model: str, before_ms: int) -> Purged:
        """Ends some of what waits and was submitted up to `before_ms`, the oldest first.

        With 0 it ends nothing, and tells the store's time for the calls that follow.
        """

    async def tickets_published(self, model: str, published: int) -> int:
        """As the worker's."""

    async def counts(self, model: str) -> QueueCounts:
        """The numbers of one model's queue."""

    async def workers(self, model: str) -> tuple[WorkerInfo, ...]:
        """The live workers of a model."""

    async def check(self, model: str) -> str:
        """As the worker's."""

    async def own(self, model: str) -> None:
        """As the worker's."""

    async def keep_card(self, model: str, card: bytes) -> None:
        """Keeps what the registry said of a model, for gateways that start while it is away.

        No move: the last word counts.
        """

    async def card(self, model: str) -> bytes | None:
        """Returns what was kept last."""

    async def identity(self) -> str:
        """Returns a name that this store was given by the first who asked, and no other has."""

    async def close(self) -> None:
        """Gives its connections back."""
