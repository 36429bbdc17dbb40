"""Takes the reaper's turn in this gateway (protocol rule 6).

The store does the work in one step, and lets one gateway a period do it.
"""

import asyncio
from dataclasses import asdict

import structlog

from app.background.readiness import Readiness
from app.background.ticket_rounds import TicketRounds
from app.settings import GatewaySettings
from inference.errors import StoreUnavailable
from inference.failpoints import Failpoint, failpoint
from inference.store.messages import Reaped
from inference.store.protocols import GatewayStore

log = structlog.get_logger()
_COUNTS = ("reclaimed", "retries_due", "expired", "results_expired", "discarded", "drift")


class Reaper:
    """Reaps every model once a period, measured from start to start."""

    def __init__(
        self,
        store: GatewayStore,
        tickets: TicketRounds,
        readiness: Readiness,
        settings: GatewaySettings,
    ) -> None:
        self._store = store
        self._tickets = tickets
        self._readiness = readiness
        self._models = settings.model_names
        self._period_s = settings.reaper_period_s

    async def run(self) -> None:
        """Reaps for ever."""
        loop = asyncio.get_running_loop()
        while True:
            start = loop.time()
            for model in self._models if not self._readiness.refusal else ():
                await self._reap(model)
            await asyncio.sleep(max(0.0, start + self._period_s - loop.time()))

    async def _reap(self, model: str) -> None:
        try:
            reaped = await self._store.reap(model)
        except StoreUnavailable as error:
            log.warning("reaper.missed", model=model, reason=str(error))
            return
        failpoint(Failpoint.REAPED)
        self._tickets.need(model, reaped.tickets)
        _tell(model, reaped)


def _tell(model: str, reaped: Reaped) -> None:
    done = {name: count for name, count in asdict(reaped).items() if name in _COUNTS and count}
    if done:
        log.info("reaper.reaped", model=model, **done)
