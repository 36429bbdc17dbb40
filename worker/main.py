"""Puts a worker together: the parent process, which talks to broker, store and probes, and never imports torch or MLflow.

The child asks the registry. What it says about a model that can't be had comes back in a mark (`worker.child`).
"""

from pathlib import Path
from typing import Any

import structlog
from celery import Celery
from celery.signals import worker_shutdown, worker_shutting_down

from app.contract.errors import StoreUnavailable
from app.contract.queue import celery_config
from app.contract.store_factory import worker_store
from worker import steps
from worker.child import ChildMarks
from worker.custodian import Custodian
from worker.liveness import Liveness
from worker.patience import answered
from worker.settings import WorkerSettings
from worker.tickets import Tickets

log = structlog.get_logger()


def create_app(settings: WorkerSettings) -> Celery:
    """Returns the Celery app of a worker."""
    app = Celery("inference", set_as_current=True)
    app.conf.update(celery_config(settings.broker_url, settings.queue, settings.start_limit_s, settings.backstop_s))
    app.conf.include = ["worker.tasks"]
    return app


def create_worker(settings: WorkerSettings, folder: Path) -> Any:
    """Checks store and broker, and returns a worker ready to `start()`. Raises `Misconfigured` with a sentence."""
    store, app = worker_store(settings), create_app(settings)
    limit_s = settings.start_timeout_s
    if warning := answered("the store at STORE_URL did not answer", lambda: store.check(settings.model), limit_s, StoreUnavailable):
        log.warning("store.weak", warning=warning)
    # kombu passes on whatever the transport raised.
    answered("the broker at BROKER_URL did not answer", lambda: _reach(app), limit_s, Exception)
    tickets = Tickets(app, store, settings.model)
    custodian = Custodian(settings, store, tickets, ChildMarks(folder), Liveness(tickets.broker_answers, settings.stuck_after_s))
    app.custodian = custodian
    steps.install(app)
    worker_shutting_down.connect(lambda **_: custodian.drain(), weak=False)
    worker_shutdown.connect(lambda **_: custodian.say_goodbye(), weak=False)
    return app.Worker(
        hostname=settings.worker_id,
        queues=[settings.queue],
        consumer_cls="worker.consumer:SteadyConsumer",
        without_gossip=True,
        without_mingle=True,
        without_heartbeat=True,
        loglevel="WARNING",
        quiet=True,
    )


def _reach(app: Celery) -> None:
    with app.connection_for_read() as connection:
        connection.ensure_connection(max_retries=1, timeout=2)
