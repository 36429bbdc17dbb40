"""Takes the reaper's turn in this gateway (protocol rule 6).

The store does the work in one step, and lets one gateway a period do it.
"""

import asyncio
from dataclasses import asdict

import structlog

from app.background.readiness import Readiness
from app.background.ticket_rounds import TicketRounds
from app.metrics import REAPED, Metrics
from app.settings import GatewaySettings
from inference.errors import StoreUnavailable
from inference.failpoints import Failpoint, failpoint
from inference.records import BadRun
from inference.store.messages import Reaped
from inference.store.protocols import GatewayStore
from inference.telemetry.run_spans import write_bad_run
from inference.telemetry.tracing import Tracing

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
        *,
        metrics: Metrics,
        tracing: Tracing,
    ) -> None:
        self._tracing = tracing
        self._store = store
        self._tickets = tickets
        self._readiness = readiness
        self._models = settings.model_names
        self._period_s = settings.reaper_period_s
        self._metrics = metrics

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
            self._metrics.reaper_runs.labels(model, "failed").inc()
            return
        failpoint(Failpoint.REAPED)
        self._tickets.need(model, reaped.tickets)
        self._metrics.reaper_runs.labels(model, "ran" if reaped.ran else "spared").inc()
        self._metrics.reclaims.labels(model).inc(reaped.reclaimed)
        for move, count in zip(REAPED, _moved(reaped), strict=True):
            self._metrics.reaped.labels(model, move).inc(count)
        _tell(model, reaped)
        for run in reaped.bad_runs:
            _tell_reclaimed(model, run)
            write_bad_run(self._tracing, model, run, "worker_lost", reclaimed=True)


def _moved(reaped: Reaped) -> tuple[int, ...]:
    """How many records each move took, in the order of `REAPED`."""
    return reaped.retries_due, reaped.expired, reaped.results_expired, reaped.discarded


def _tell(model: str, reaped: Reaped) -> None:
    done = {name: count for name, count in asdict(reaped).items() if name in _COUNTS and count}
    if done:
        log.info("reaper.reaped", model=model, **done)


def _tell_reclaimed(model: str, run: BadRun) -> None:
    log.warning(
        "prediction.reclaimed",
        model=model,
        task_id=run.task_id,
        state=run.state,
        attempts=run.attempts,
        worker=run.worker,
        request_id=run.request_id or None,
        trace_id=run.trace.trace_id if run.trace else None,
    )
