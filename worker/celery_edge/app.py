"""Celery's app and Celery's worker, as this worker needs them."""

import warnings
from typing import Any

from celery import Celery
from celery.platforms import SecurityWarning
from celery.signals import worker_shutdown, worker_shutting_down

from inference.broker.celery_config import celery_config
from inference.broker.factory import check_redis_broker
from inference.broker.kinds import is_rabbitmq
from inference.errors import BrokerUnavailable, Misconfigured, first_line
from worker.celery_edge import bootsteps, rabbitmq
from worker.celery_edge.dropped_messages import DroppedMessages
from worker.celery_edge.transports import use_our_transports
from worker.parent.parent_thread import ParentThread
from worker.settings import WorkerSettings

BROKER_LOOK_S = 2.0
"""How long a Redis broker may take to answer the look at start, in seconds."""


def create_app(settings: WorkerSettings) -> Celery:
    """Returns the Celery app of a worker, which takes tickets and no other message."""
    use_our_transports()
    app = Celery("inference", set_as_current=True)
    app.conf.update(
        celery_config(
            settings.broker_url, settings.queue, settings.start_limit_s, settings.backstop_s
        )
    )
    app.conf.include = ["worker.celery_edge.task"]
    if is_rabbitmq(settings.broker_url):
        app.conf.task_queues = [rabbitmq.queue_of(settings.queue)]
    return app


def reach_broker(app: Celery, settings: WorkerSettings) -> str:
    """Looks at the broker, then has Celery connect to it once. Returns a warning, or ''.

    Raises `BrokerUnavailable`, or `Misconfigured` where waiting can't help, which Celery's own
    errors do not say of a Redis.
    """
    try:
        with app.connection_for_read() as connection:
            if is_rabbitmq(settings.broker_url):
                return rabbitmq.check(connection, settings)
            check_redis_broker(settings.broker_url, BROKER_LOOK_S, settings.queue)
            connection.ensure_connection(max_retries=1, timeout=2)
            return ""
    except Misconfigured:
        raise
    except Exception as error:  # kombu passes on whatever the transport raised
        raise BrokerUnavailable(first_line(error)) from error


def create_celery_worker(app: Celery, settings: WorkerSettings, parent: ParentThread) -> Any:
    """Returns Celery's worker, ready to `start()`. It starts and ends `parent` with itself."""
    # A warning about pickle, which this worker does not accept, under any user.
    warnings.filterwarnings("ignore", category=SecurityWarning)
    app.parent_thread = parent
    app.dropped_messages = DroppedMessages(settings.model)
    bootsteps.install(app)
    worker_shutting_down.connect(lambda **_: parent.drain.request(), weak=False)
    worker_shutdown.connect(lambda **_: parent.heartbeat.say_goodbye(), weak=False)
    worker_shutdown.connect(lambda **_: parent.reports.close(), weak=False)
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
