"""Removes the payloads that nobody needs any more, and those that nobody ever needed.

The reasons are in docs/decisions/0008.

One rule serves both: a payload's name has its task id, so the store can tell the state of the
record. A payload is removed when two looks, a period apart, found it useless. The first look alone
would take an input between its write and its record's. And a store that lost its last second may
run a record again that had ended, whose input must still be there. Every gateway looks for itself:
removing twice is harmless.
"""

import asyncio
from collections.abc import Iterator

import structlog

from app.background.readiness import Readiness
from app.large_payloads import LargePayloads
from app.metrics import Metrics
from inference.blobs import blob_names
from inference.blobs.atomic_write import DRAFT
from inference.blobs.blob_names import Kept
from inference.errors import PayloadUnavailable, StoreUnavailable
from inference.records import Record
from inference.states import OUTSTANDING, State
from inference.store.protocols import GatewayStore

log = structlog.get_logger()
ASKED_TOGETHER = 64


class PayloadCleanup:
    """Looks once a period."""

    def __init__(
        self,
        payloads: LargePayloads,
        store: GatewayStore,
        readiness: Readiness,
        metrics: Metrics,
        period_s: float,
    ) -> None:
        self._payloads = payloads
        self._store = store
        self._readiness = readiness
        self._metrics = metrics
        self._period_s = period_s
        self._useless: set[str] = set()

    async def run(self) -> None:
        """Looks for ever."""
        while True:
            await asyncio.sleep(self._period_s)
            if self._readiness.refusal:
                continue
            try:
                self._metrics.cleanups.labels(await self._look()).inc()
            except (PayloadUnavailable, StoreUnavailable) as error:
                self._metrics.cleanups.labels("failed").inc()
                log.warning("sweep.missed", reason=str(error))

    async def _look(self) -> str:
        """Says whether it was done or refused."""
        names = await self._payloads.names()
        if names and not await self._payloads.belongs_to(await self._store.identity()):
            # To this store every payload of another one's is an orphan.
            log.error(
                "sweep.refused",
                reason="what is kept at PAYLOAD_URL belongs to another store than STORE_URL",
            )
            return "refused"
        useless: set[str] = set()
        for some in _some(names):
            useless.update(
                name for name in await asyncio.gather(*map(self._useless_or_empty, some)) if name
            )
        due = useless & self._useless
        for name in due:
            await self._payloads.drop(name)
            self._metrics.payloads_removed.inc()
        self._useless = useless - due
        if due:
            log.info("sweep.removed", payloads=len(due))
        return "done"

    async def _useless_or_empty(self, name: str) -> str:
        kept = blob_names.what_is(name)
        if kept is None:
            return name if name.endswith(DRAFT) else ""
        return "" if needed(name, kept, await self._store.watch(kept.task_id, "")) else name


def needed(name: str, kept: Kept, record: Record | None) -> bool:
    """Whether a payload may still be asked for.

    That holds for an input until its record ended otherwise than in failure, and for a result while
    it counts.
    """
    if record is None:
        return False
    if record.state in OUTSTANDING:
        return True
    if not kept.claim:
        return record.state is State.FAILURE
    return isinstance(record.result, blob_names.Reference) and record.result.name == name


def _some(names: list[str]) -> Iterator[list[str]]:
    for start in range(0, len(names), ASKED_TOGETHER):
        yield names[start : start + ASKED_TOGETHER]
