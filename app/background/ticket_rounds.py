"""Publishing tickets behind the requests' backs (protocol rule 3).

The store's answers say how many tickets are missing. One task a model publishes them, so that a
hundred submissions at once cost one publish and not a hundred times a hundred tickets. A broker
that is down costs nothing but a log line: idle workers ask for tickets themselves.
"""

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import structlog

from app.metrics import Metrics
from app.settings import GatewaySettings
from inference.broker.protocols import TicketPublisher
from inference.errors import BrokerUnavailable, Misconfigured, StoreUnavailable, first_line
from inference.failpoints import Failpoint, failpoint
from inference.store.protocols import GatewayStore

log = structlog.get_logger()
MOST_AT_ONCE = 100
"""Each must be confirmed in BROKER_TIMEOUT_S; RabbitMQ writes thousands a second to its disk."""

CHECK_S = 15.0
"""Between two looks at the broker; a scrape is as often."""


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
    """Publishes what the models miss, round after round."""

    def __init__(
        self,
        publisher: TicketPublisher,
        store: GatewayStore,
        settings: GatewaySettings,
        metrics: Metrics,
    ) -> None:
        self._publisher = publisher
        self._store = store
        self._lines = {model: _Line() for model in settings.model_names}
        self._metrics = metrics
        self._backoff_s = settings.broker_backoff_s
        self._trouble = ""

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
                self._said("")
            except (BrokerUnavailable, StoreUnavailable) as error:
                self._said(first_line(error))
                self._metrics.tickets.labels(model, "failed").inc()
                await asyncio.sleep(self._backoff_s)
                line.take()

    async def _cover(self, model: str, line: _Line) -> None:
        missing = line.take()
        while missing > 0:
            failpoint(Failpoint.TICKETS_MISSING)
            published = min(missing, MOST_AT_ONCE)
            with self._measured("publish"):
                await self._publisher.publish(model, published)
            self._metrics.tickets.labels(model, "published").inc(published)
            failpoint(Failpoint.TICKETS_PUBLISHED)
            missing = await self._store.tickets_published(model, published)
            # Answers that came meanwhile were counted before these tickets were: only the store
            # knows what is still missing.
            while missing == 0 and line.take():
                missing = await self._store.tickets_published(model, 0)

    async def keep_checking(self) -> None:
        """Asks for ever whether the broker is there, so that who looks after it knows.

        Where nothing is submitted, nothing is published.
        """
        models = tuple(self._lines)
        while True:
            await asyncio.sleep(CHECK_S)
            with suppress(BrokerUnavailable, Misconfigured):
                await self.check(models)

    async def check(self, models: tuple[str, ...]) -> None:
        """Asks the broker; raises as `TicketPublisher.check`."""
        with self._measured("check"):
            await self._publisher.check(models)

    @contextmanager
    def _measured(self, call: str) -> Iterator[None]:
        started, answered = time.perf_counter(), False
        try:
            yield
            answered = True
        finally:
            self._metrics.broker_up.set(answered)
            self._metrics.broker_calls(call, time.perf_counter() - started, answered=answered)

    def _said(self, trouble: str) -> None:
        """Logs a change, not every failure. `trouble` is '' when tickets flow."""
        if trouble and trouble != self._trouble:
            log.warning("tickets.failing", reason=trouble)
        elif self._trouble and not trouble:
            log.info("tickets.flowing")
        self._trouble = trouble
