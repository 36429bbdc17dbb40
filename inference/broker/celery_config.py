"""The queue that tickets stand in, and all of Celery's configuration.

A ticket says "model m has work" and nothing else: whoever gets it claims. So a lost, doubled or
stale one costs a moment and never a prediction (protocol rule 3), and everything that Celery offers
to keep messages alive stays off.
"""

from typing import Any

from inference.broker import rabbitmq_broker, redis_broker
from inference.broker.kinds import check_broker_url, is_rabbitmq


def queue_name(key_prefix: str, model: str) -> str:
    """Returns the Celery queue of a model; on Redis that is also the key of its list.

    One model = one queue = one pool.
    """
    return f"{key_prefix}.{model}"


def celery_config(
    broker_url: str, queue: str, load_timeout_s: float, backstop_s: float
) -> dict[str, Any]:
    """Returns the settings of a worker's Celery app.

    Each that is not a default is there for a reason of docs/facts/celery.md.
    Raises `Misconfigured` for a BROKER_URL of no kind of broker, or that can't be read.
    """
    return {
        **_connection_settings(broker_url, queue),
        "broker_connection_retry_on_startup": True,
        # An outage ends no worker, however long it lasts; Celery would give up after 100 tries.
        "broker_connection_max_retries": None,
        # So with one that answers with an error: it is read-only after a failover, or full.
        "broker_channel_error_retry": True,
        # One thread publishes. Each connection of a pool keeps sockets of its own, and those that
        # broke are told by use alone.
        "broker_pool_limit": 1,
        "task_default_queue": queue,
        "task_ignore_result": True,
        "task_serializer": "json",
        "accept_content": ["json"],
        # The record counts attempts, so a ticket is never requeued for a failure, and never retried
        # by Celery.
        "task_acks_late": True,
        "task_acks_on_failure_or_timeout": True,
        "task_reject_on_worker_lost": False,
        "task_time_limit": backstop_s,
        # One process, one model, one device: prefork with one child, and no ticket held that an
        # idle worker could have.
        "worker_pool": "prefork",
        "worker_pool_start_method": "spawn",
        "worker_concurrency": 1,
        "worker_prefetch_multiplier": 1,
        # A replacement child that loads longer than this is killed, for ever; first children are
        # exempt.
        "worker_proc_alive_timeout": 2 * load_timeout_s,
        "worker_cancel_long_running_tasks_on_connection_loss": False,
        "worker_enable_remote_control": False,
        "worker_send_task_events": False,
        "worker_hijack_root_logger": False,
        "worker_redirect_stdouts": False,
    }


def _connection_settings(broker_url: str, queue: str) -> dict[str, Any]:
    check_broker_url(broker_url)
    if is_rabbitmq(broker_url):
        return rabbitmq_broker.connection_settings(broker_url)
    return redis_broker.connection_settings(broker_url, queue)
