"""Puts a worker together: the parent process, which talks to broker, store and probes, and never imports torch or MLflow.

The child asks the registry. What it says about a model that can't be had comes back in a mark (`worker.child`).
"""

import time
from pathlib import Path
from typing import Any

import structlog
from celery import Celery
from celery.signals import worker_shutdown, worker_shutting_down

from app.contract.errors import Misconfigured, StoreUnavailable
from app.contract.queue import celery_config
from app.contract.redis_store import RedisWorkerStore
from app.contract.redis_store.blocking import connect
from app.contract.redis_store.calls import Moves
from worker import steps
from worker.child import ChildMarks
from worker.custodian import Custodian
from worker.settings import WorkerSettings
from worker.tickets import Tickets

log = structlog.get_logger()


def create_app(settings: WorkerSettings) -> Celery:
    """Returns the Celery app of a worker."""
    app = Celery("inference", set_as_current=True)
    app.conf.update(celery_config(settings.broker_url, settings.queue, settings.load_timeout_s, settings.backstop_s))
    app.conf.include = ["worker.tasks"]
    return app


def create_worker(settings: WorkerSettings, folder: Path) -> Any:
    """Checks store and broker, and returns a worker ready to `start()`. Raises `Misconfigured` with a sentence."""
    store = RedisWorkerStore(connect(settings.store_url, settings.store_timeout_s), Moves(settings.key_prefix, settings.limits))
    if warning := _checked(store, settings):
        log.warning("store.weak", warning=warning)
    app = create_app(settings)
    _check_broker(app, settings)
    tickets = Tickets(app, store, settings.model)
    custodian = Custodian(settings, store, tickets, ChildMarks(folder))
    app.custodian = custodian
    steps.install(app)
    worker_shutting_down.connect(lambda **_: custodian.drain(), weak=False)
    worker_shutdown.connect(lambda **_: custodian.say_goodbye(), weak=False)
    return app.Worker(
        hostname=settings.worker_id,
        queues=[settings.queue],
        without_gossip=True,
        without_mingle=True,
        without_heartbeat=True,
        loglevel="WARNING",
        quiet=True,
    )


def _checked(store: RedisWorkerStore, settings: WorkerSettings) -> str:
    """Waits for the store, as long as a start may take; returns its weakness."""
    end = time.monotonic() + settings.start_timeout_s
    while True:
        try:
            return store.check(settings.model)
        except StoreUnavailable as error:
            if time.monotonic() > end:
                raise Misconfigured(
                    f"the store at STORE_URL did not answer within {settings.start_timeout_s:g} s: {error}"
                ) from error
        time.sleep(0.5)


def _check_broker(app: Celery, settings: WorkerSettings) -> None:
    end = time.monotonic() + settings.start_timeout_s
    while True:
        try:
            with app.connection_for_read() as connection:
                connection.ensure_connection(max_retries=1, timeout=2)
                return
        except Exception as error:  # kombu passes on whatever the transport raised
            if time.monotonic() > end:
                raise Misconfigured(
                    f"the broker at BROKER_URL did not answer within {settings.start_timeout_s:g} s: {error}"
                ) from error
        time.sleep(0.5)
