"""Celery's app and Celery's worker, as this worker needs them."""

import warnings
from typing import Any

from celery import Celery
from celery.platforms import SecurityWarning
from celery.signals import worker_shutdown, worker_shutting_down

from inference.broker.celery_config import celery_config
from worker.celery_edge import bootsteps
from worker.parent.parent_thread import ParentThread
from worker.settings import WorkerSettings


def create_app(settings: WorkerSettings) -> Celery:
    """Returns the Celery app of a worker."""
    app = Celery("inference", set_as_current=True)
    app.conf.update(
        celery_config(
            settings.broker_url, settings.queue, settings.start_limit_s, settings.backstop_s
        )
    )
    app.conf.include = ["worker.celery_edge.task"]
    return app


def connect_once(app: Celery) -> None:
    """Connects to the broker and closes that connection.

    Raises whatever the transport raised, which kombu passes on.
    """
    with app.connection_for_read() as connection:
        connection.ensure_connection(max_retries=1, timeout=2)


def create_celery_worker(app: Celery, settings: WorkerSettings, parent: ParentThread) -> Any:
    """Returns Celery's worker, ready to `start()`. It starts and ends `parent` with itself."""
    # A warning about pickle, which this worker does not accept, under any user.
    warnings.filterwarnings("ignore", category=SecurityWarning)
    app.parent_thread = parent
    bootsteps.install(app)
    worker_shutting_down.connect(lambda **_: parent.drain.request(), weak=False)
    worker_shutdown.connect(lambda **_: parent.heartbeat.say_goodbye(), weak=False)
    return app.Worker(
        hostname=settings.worker_id,
        queues=[settings.queue],
        consumer_cls="worker.celery_edge.consumer:SteadyConsumer",
        without_gossip=True,
        without_mingle=True,
        without_heartbeat=True,
        loglevel="WARNING",
        quiet=True,
    )
