"""Publishing tickets behind the requests' backs (protocol rule 3).

The store's answers say how many tickets are missing. One task a model publishes them, so that a
hundred submissions at once cost one publish and not a hundred times a hundred tickets. A broker
that is down costs nothing but a log line: idle workers ask for tickets themselves.
"""

import asyncio

import structlog
from prometheus_client import Counter

from app.settings import GatewaySettings
from inference.broker.protocols import TicketPublisher
from inference.errors import BrokerUnavailable, StoreUnavailable, first_line
from inference.failpoints import Failpoint, failpoint
from inference.store.protocols import GatewayStore

log = structlog.get_logger()
MOST_AT_ONCE = 500


class _Line:
    """What one model misses, by the latest answers."""

    def __init__(self) -> None:
        self.missing = 0
        self.told = asyncio.Event()

    def take(self) -> int:
        """Returns what is missing, and forgets it."""
        missing, self.missing = self.missing, 0
        self.told.clear()
        return missing


class TicketRounds:
    """Publishes what the models miss, round after round.

    `counter` has the labels model and outcome.
    """

    def __init__(
        self,
        publisher: TicketPublisher,
        store: GatewayStore,
        settings: GatewaySettings,
        counter: Counter,
    ) -> None:
        self._publisher = publisher
        self._store = store
        self._lines = {model: _Line() for model in settings.model_names}
        self._counter = counter
        self._backoff_s = settings.broker_backoff_s
        self._down = False

    def need(self, model: str, tickets: int) -> None:
        """Takes an answer's `tickets`; returns at once."""
        if tickets > 0 and (line := self._lines.get(model)):
            line.missing = max(line.missing, tickets)
            line.told.set()

    async def run(self, model: str) -> None:
        """Publishes the tickets of a model for ever."""
        line = self._lines[model]
        while True:
            await line.told.wait()
            try:
                await self._cover(model, line)
                self._said(False, "")
            except (BrokerUnavailable, StoreUnavailable) as error:
                self._said(True, first_line(error))
                self._counter.labels(model, "failed").inc()
                await asyncio.sleep(self._backoff_s)
                line.take()

    async def _cover(self, model: str, line: _Line) -> None:
        missing = line.take()
        while missing > 0:
            failpoint(Failpoint.TICKETS_MISSING)
            published = min(missing, MOST_AT_ONCE)
            await self._publisher.publish(model, published)
            self._counter.labels(model, "published").inc(published)
            failpoint(Failpoint.TICKETS_PUBLISHED)
            missing = await self._store.tickets_published(model, published)
            # Answers that came meanwhile were counted before these tickets were: only the store
            # knows what is still missing.
            while missing == 0 and line.take():
                missing = await self._store.tickets_published(model, 0)

    def _said(self, down: bool, reason: str) -> None:
        """Logs a change, not every failure."""
        if down and not self._down:
            log.warning("tickets.failing", reason=reason)
        elif self._down and not down:
            log.info("tickets.flowing")
        self._down = down
