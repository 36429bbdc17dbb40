"""The gateway: `uvicorn --http app.http.protocol:Bounded --factory app.main:create_app`.

The only place that builds clients, and the order in which everything starts and ends.
"""

import asyncio
import gc
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from functools import partial
from socket import gethostname
from typing import NoReturn

import structlog
from fastapi import FastAPI

from app import extensions
from app.background.canary_watch import CanaryWatch
from app.background.payload_cleanup import PayloadCleanup
from app.background.readiness import Readiness
from app.background.reaper import Reaper
from app.background.result_waiter import ResultWaiter
from app.background.ticket_rounds import TicketRounds
from app.background.worker_pods import worker_pods
from app.canaries import CanaryShares
from app.checking.body_checks import BodyChecks
from app.checking.request_check import Bounds
from app.dead_letters import DeadLetterBox
from app.http import openapi, routes
from app.http.dead_letters import DeadLetterCalls
from app.http.health import HealthCalls
from app.http.middleware import GatewayMiddleware
from app.http.models import ModelCalls
from app.http.pauses import PauseCalls
from app.http.predictions import REFUSALS, PredictCalls
from app.http.purges import PurgeCalls
from app.http.queues_and_workers import QueueAndWorkerCalls
from app.http.tasks import TaskCalls
from app.large_payloads import large_payloads
from app.leaving import Leaving
from app.metrics import Metrics
from app.mlflow_reader import MlflowReader
from app.predictions import Predictions
from app.served_models import Registry
from app.settings import GatewaySettings
from app.shutdown import CLOSING_S, TASKS_END_S, end_tasks, end_within, ending_at_once, ending_early
from app.starting import wait_for_store
from app.submission import Placement
from app.threads import on_a_thread
from inference import ca_bundle
from inference.broker.factory import ticket_publisher
from inference.errors import BrokerUnavailable, Misconfigured, Temporary
from inference.failpoints import Failpoint, failpoint
from inference.misspelt import warn_of_misspelt
from inference.settings import read_settings
from inference.store.factory import gateway_store, notifications
from inference.telemetry import set_log_level, set_up_logging
from inference.telemetry.logs import change_level_by_signal
from inference.telemetry.tracing import tracing

log = structlog.get_logger()
RESTART_AFTER_S = 1.0


def give_up(sentence: str) -> NoReturn:
    """Ends a program that can't start: one sentence, no traceback.

    Nothing was accepted yet, so there is nothing to tidy up.
    """
    sys.stdout.flush()
    print(f"error: {sentence}", file=sys.stderr, flush=True)
    os._exit(1)


def create_app(settings: GatewaySettings | None = None) -> FastAPI:
    """Builds the gateway; nothing is asked of anybody before the application starts."""
    set_up_logging()
    if settings is None:
        warn_of_misspelt(os.environ, GatewaySettings.model_fields)
        try:
            settings = read_settings(GatewaySettings)
        except Misconfigured as error:
            give_up(str(error))
    set_log_level(settings.log_level)
    change_level_by_signal(settings.log_level)
    try:
        ca_bundle.trust(settings.ca_bundle)
        return Gateway(settings).app
    except Misconfigured as error:
        give_up(str(error))


class Gateway:
    """The parts, made and wired."""

    def __init__(self, settings: GatewaySettings) -> None:
        self.settings = settings
        names = settings.model_names
        self.metrics = Metrics(names, REFUSALS, settings.backlog_max_records)
        self.tracing = tracing(
            "inference-gateway", f"{gethostname()}-{os.getpid()}", settings.key_prefix
        )
        self.store = gateway_store(settings, self.metrics.store_calls)
        self.notifications = notifications(settings)
        self.publisher = ticket_publisher(
            settings.broker_url, settings.key_prefix, settings.broker_timeout_s
        )
        self.tickets = TicketRounds(self.publisher, self.store, settings, self.metrics)
        self.waiting = ResultWaiter(self.notifications, self.store, settings.reread_s)
        self.reader = MlflowReader(settings.mlflow_tracking_uri)
        self.registry = Registry(
            settings.pools,
            self.reader,
            settings.registry_refresh_s,
            self.store,
            fetch_allowed=settings.fetch_allowed_networks,
            patience_s=settings.start_timeout_s,
            shares=CanaryShares(settings.canary_shares),
        )
        self.canaries = CanaryWatch(
            self.registry.shares, self.registry.models, self.store, self.metrics
        )
        self.payloads = large_payloads(settings, settings.payload_sweep_s)
        self.readiness = Readiness(self.store, self.payloads, names, settings.registry_refresh_s)
        watched = (self.store, self.tickets, self.readiness, settings)
        self.reaper = Reaper(*watched, metrics=self.metrics, tracing=self.tracing)
        self.sweep = PayloadCleanup(
            self.payloads, self.store, self.readiness, self.metrics, settings.payload_sweep_s
        )
        self.dead_letters = DeadLetterBox(self.store, self.payloads, names, self.tickets.need)
        self.pods = worker_pods(settings.pod_namespace, settings.pod_selector)
        placement = Placement(self.canaries, self.registry, self.store)
        parts = (self.store, self.payloads, self.tickets, self.waiting, self.registry)
        self.predictions = Predictions(
            *parts, placement=placement, priority_step_s=settings.priority_step_s
        )
        bounds = Bounds(settings.max_body_bytes, settings.max_depth, settings.max_time_to_start_s)
        self.checks = BodyChecks(self.registry, bounds, settings.fetch_allowed_networks)
        self.app = self._build_app()

    def _build_app(self) -> FastAPI:
        app = FastAPI(
            title="Inference service",
            version="1",
            lifespan=self._lifespan,
            redirect_slashes=False,
            # FastAPI's own would be a second set of spans, and its logs have callers' values.
            telemetry={"tracing": False, "metrics": False, "logs": False},
        )
        predict = PredictCalls(
            self.predictions,
            self.checks,
            self.readiness,
            self.metrics,
            self.settings,
            tracing=self.tracing,
        )
        routes.add_predicting(app, predict, ModelCalls(self.registry, self.store, self.canaries))
        routes.add_dead_letters(
            app, DeadLetterCalls(self.dead_letters, self.readiness, self.settings)
        )
        routes.add_pauses(
            app,
            PauseCalls(self.registry, self.store, self.readiness, self.tickets.need),
            PurgeCalls(self.registry, self.store, self.readiness, self.metrics),
        )
        looking = QueueAndWorkerCalls(self.store, self.settings.model_names, self.pods)
        routes.add_monitoring(app, TaskCalls(self.predictions, self.tracing), looking)
        health = HealthCalls(
            self.store,
            self.registry,
            self.readiness,
            self.metrics,
            wait_for_model_s=self.settings.wait_for_model_s,
        )
        routes.add_health(app, health)
        routes.add_problems(app)
        self._extensions = extensions.install(app, self.settings, self.metrics.registry)
        app.add_middleware(
            GatewayMiddleware,
            slashed=routes.slashed(app),
            metrics=self.metrics,
            access_log=self.settings.access_log == "on",
        )
        app.openapi = lambda: openapi.describe(  # type: ignore[method-assign]
            app, self.registry, self.settings.max_time_to_start_s
        )
        return app

    @asynccontextmanager
    async def _lifespan(self, _app: FastAPI) -> AsyncIterator[dict[str, object]]:
        with ending_at_once():
            await self._check_parts()
        _spare_the_collector()
        tasks = [
            asyncio.create_task(_for_ever(name, run), name=name)
            for name, run in self._background().items()
        ]
        try:
            with ending_early(self.waiting.stop, leaving := Leaving()):
                versions = {name: model.version for name, model in self.registry.models.items()}
                unserved = [name for name in self.registry.uris if name not in versions]
                log.info("gateway.started", models=versions, unserved=unserved)
                yield {"arrival_timeout_s": self.settings.arrival_timeout_s, "leaving": leaving}
        finally:
            end_within(CLOSING_S)
            await self._close(tasks)

    async def _close(self, tasks: list[asyncio.Task[None]]) -> None:
        self.waiting.stop()
        await end_tasks(tasks)
        failpoint(Failpoint.CLOSING)
        clients = (
            self.checks.close(),
            self.store.close(),
            self.notifications.close(),
            self.publisher.close(),
            on_a_thread(self.tracing.close),
        )
        with suppress(TimeoutError):
            async with asyncio.timeout(TASKS_END_S):
                await asyncio.gather(*clients, return_exceptions=True)
        self.payloads.close()

    def _background(self) -> dict[str, Callable[[], Awaitable[None]]]:
        return {
            "waiting": self.waiting.run,
            **{
                f"tickets of {model}": partial(self.tickets.run, model)
                for model in self.settings.model_names
            },
            "broker": self.tickets.keep_checking,
            "reaper": self.reaper.run,
            "sweep": self.sweep.run,
            "readiness": self.readiness.keep_checking,
            "canaries": self.canaries.run,
            **{
                f"registry {name}": partial(self.registry.keep_fresh, name)
                for name in self.registry.uris
            },
            **{
                f"versions {name}": partial(self.registry.follow_workers, name)
                for name in self.registry.uris
            },
            **self._extensions,
        }

    async def _check_parts(self) -> None:
        """The store must answer.

        A model that can't be had is /readyz's to tell; a broker that is down costs nothing (rule
        4).
        """
        try:
            await wait_for_store(self.readiness, self.settings)
            await on_a_thread(self.reader.prepare)
            await self.registry.start()
        except (Misconfigured, Temporary) as error:
            give_up(str(error))
        try:
            await self.tickets.check(self.settings.model_names)
        except Misconfigured as error:
            give_up(str(error))
        except BrokerUnavailable as error:
            log.warning(
                "broker.down",
                reason=str(error),
                consequence="predictions are taken, and run when it is back",
            )


def _spare_the_collector() -> None:
    """Takes all that was loaded till now out of garbage collection.

    MLflow alone is a million objects, and each full collection took 0.2 s.
    """
    gc.collect()
    gc.freeze()


async def _for_ever(name: str, run: Callable[[], Awaitable[None]]) -> None:
    """Keeps a background task running.

    A fault in one must be seen, and must not quietly end what others rely on.
    """
    while True:
        try:
            await run()
        except Exception:
            log.exception("background.crashed", task=name)
        await asyncio.sleep(RESTART_AFTER_S)
