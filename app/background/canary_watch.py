"""Says whether a canary can take a call now, and counts what became of the calls drawn for it.

A canary that is broken costs no caller anything: the calls drawn for it go to the main pool.
"""

import asyncio
from collections.abc import Mapping

import structlog

from app.canaries import Canary, CanaryShares
from app.metrics import Metrics
from inference.errors import StoreUnavailable
from inference.store.messages import Submitted, WorkerState
from inference.store.protocols import GatewayStore

log = structlog.get_logger()

LOOK_S = 1.0
"""How often a canary's workers and its pause are looked at."""

_SAID_AGAIN_S = 60.0
"""How often the log says that calls go to the main pool for the same reason."""

_TAKES_WORK = {WorkerState.IDLE, WorkerState.BUSY}

TAKEN, UNSERVED, NO_WORKER, INPUT = "taken", "unserved", "no_worker", "input"
REFUSED_BY_STORE = {
    Submitted.FULL: "full",
    Submitted.LATE: "late",
    Submitted.PAUSED: "paused",
}
"""The refusals for which the main pool is asked instead, and what they are counted as."""

OUTCOMES = (TAKEN, UNSERVED, NO_WORKER, INPUT, *REFUSED_BY_STORE.values())


class CanaryWatch:
    """`served` has the models that this gateway can check, by their pools."""

    def __init__(
        self,
        shares: CanaryShares,
        served: Mapping[str, object],
        store: GatewayStore,
        metrics: Metrics,
    ) -> None:
        self._canaries = {canary.pool: canary for canary in shares.all}
        self._served = served
        self._store = store
        self._metrics = metrics
        self._found: dict[str, str] = {}
        self._said: dict[tuple[str, str], float] = {}
        for canary in shares.all:
            metrics.start_canary(canary.pool, canary.of, canary.percent, OUTCOMES)

    def share_of(self, pool: str) -> Canary | None:
        """Returns what a canary takes; None for a pool that is none."""
        return self._canaries.get(pool)

    def problem(self, pool: str) -> str:
        """Returns why a canary takes no calls now, one of the `OUTCOMES`; '' if it does.

        It has no worker until the first look says otherwise.
        """
        return UNSERVED if pool not in self._served else self._found.get(pool, NO_WORKER)

    def taken(self, pool: str) -> None:
        """Counts a call that was drawn for a canary and went to it."""
        self._metrics.canary_draws.labels(pool, TAKEN).inc()

    def diverted(self, pool: str, reason: str) -> None:
        """Counts a call that was drawn for a canary and goes to the main pool."""
        self._metrics.canary_draws.labels(pool, reason).inc()
        now = asyncio.get_running_loop().time()
        if now - self._said.get((pool, reason), -_SAID_AGAIN_S) >= _SAID_AGAIN_S:
            self._said[pool, reason] = now
            of = self._canaries[pool].of
            log.warning("canary.diverted", model=pool, reason=reason, consequence=f"{of} answers")

    async def run(self) -> None:
        """Looks at the canaries that have a share, for ever."""
        while True:
            for canary in self._canaries.values():
                if canary.percent > 0:
                    await self._look(canary.pool)
            await asyncio.sleep(LOOK_S)

    async def _look(self, pool: str) -> None:
        """Keeps what was found before while the store is away: nothing is taken then anyway."""
        try:
            workers, counts = await asyncio.gather(
                self._store.workers(pool), self._store.counts(pool)
            )
        except StoreUnavailable:
            return
        ready = any(worker.state in _TAKES_WORK for worker in workers)
        found = "paused" if counts.paused else "" if ready else NO_WORKER
        if found != self._found.get(pool):
            log.info("canary.found", model=pool, problem=found)
        self._found[pool] = found
