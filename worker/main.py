"""Puts a worker together, in the parent process.

The parent talks to broker, store and probes, and never imports torch or MLflow.

The child asks the registry. It reports a model that can't be had in a file (`worker.child_status`).
"""

from pathlib import Path
from typing import Any

import structlog

from inference.errors import BrokerUnavailable, StoreUnavailable
from inference.retry import wait_at_start
from inference.store.factory import worker_store
from worker import metrics
from worker.celery_edge.app import create_app, create_celery_worker, reach_broker
from worker.celery_edge.tickets import CeleryPublisher
from worker.child_status import ChildStatusFiles
from worker.parent.liveness import Liveness
from worker.parent.parent_thread import ParentThread
from worker.settings import WorkerSettings
from worker.tickets import Tickets

log = structlog.get_logger()


def create_worker(settings: WorkerSettings, folder: Path) -> Any:
    """Checks store and broker, and returns a worker ready to `start()`.

    Raises `Misconfigured` with a sentence.
    """
    if settings.model != settings.model_name:
        log.info("pool.named", pool=settings.model, uri=settings.model_uri)
    metrics.start_at_zero(settings.model)
    store, app = worker_store(settings, metrics.STORE_CALLS), create_app(settings)
    limit_s, trouble = settings.start_timeout_s, "the store at STORE_URL did not answer"
    if warning := wait_at_start(
        trouble, lambda: store.check(settings.model), limit_s, StoreUnavailable
    ):
        log.warning("store.weak", warning=warning)
    if warning := wait_at_start(
        "the broker at BROKER_URL did not answer",
        lambda: reach_broker(app, settings),
        limit_s,
        BrokerUnavailable,
    ):
        log.warning("broker.weak", warning=warning)
    publisher = CeleryPublisher(app)
    liveness = Liveness(publisher.broker_answers, settings.stuck_after_s)
    parent = ParentThread(
        settings,
        store,
        Tickets(publisher, store, settings.model),
        ChildStatusFiles(folder),
        liveness,
    )
    return create_celery_worker(app, settings, parent)
