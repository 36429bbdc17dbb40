"""Celery's edge in the child: it loads the model once, and hands the runner each ticket.

The model is loaded when the process starts.

The parent imports this module too, for the task's name and its request class, so what is heavy is
imported only on loading.
"""

import os
import sys
from pathlib import Path
from typing import Any

import structlog
from celery import current_app, shared_task
from celery.signals import worker_process_init, worker_process_shutdown

from inference.broker.ticket import TASK_NAME
from inference.errors import Misconfigured, StoreUnavailable, error_text
from inference.failpoints import Failpoint, failpoint
from inference.settings import read_settings
from inference.store.factory import worker_store
from inference.telemetry import set_current, set_up_logging
from inference.telemetry.tracing import tracing
from worker import metrics
from worker.celery_edge.tickets import CeleryPublisher
from worker.celery_edge.transports import use_our_transports
from worker.child.runner import Runner
from worker.child_status import RUN_FOLDER, HeldVersion, write_failed, write_loaded
from worker.log_level import follow_parent
from worker.models.gpu_in_use import gpu_in_use
from worker.settings import WorkerSettings
from worker.tickets import Tickets

log = structlog.get_logger()

_loaded: list[Runner] = []
"""The child's one runner.

A list, since Celery offers a task no other place to keep what its process holds.
"""


@worker_process_init.connect(weak=False)  # type: ignore[untyped-decorator]
def load_model(**_: Any) -> None:
    """Loads and warms the model; a child that can't says why (`worker.child_status`) and ends."""
    settings = read_settings(WorkerSettings)
    set_up_logging(settings.log_level)
    folder = Path(os.environ[RUN_FOLDER])
    metrics.start_at_zero(settings.model)
    try:
        runner, version = _build(settings, folder)
    except Misconfigured as error:
        write_failed(folder, str(error))
        sys.exit(1)
    except Exception as error:  # foreign code: loading runs what the registry holds
        log.exception("model.load_failed")
        write_failed(folder, f"{type(error).__name__}: {error_text(error)}")
        sys.exit(1)
    _loaded.append(runner)
    failpoint(Failpoint.LOADED)
    write_loaded(folder, version, runner.device, gpu_in_use())


def _build(settings: WorkerSettings, folder: Path) -> tuple[Runner, HeldVersion]:
    from worker.child import model_loader

    use_our_transports()
    model, version = model_loader.load(settings)
    model_loader.AddressWatch(settings, version, folder).start()
    store = worker_store(settings, metrics.STORE_CALLS)
    tickets = Tickets(CeleryPublisher(current_app), store, settings.model)
    spans = tracing("inference-worker", settings.worker_id, settings.key_prefix)
    return Runner(settings, store, model, tickets, tracing=spans), version


@worker_process_shutdown.connect(weak=False)  # type: ignore[untyped-decorator]
def end(**_: Any) -> None:
    """Exports the last spans."""
    if _loaded:
        _loaded[0].close()


@shared_task(  # type: ignore[untyped-decorator]
    bind=True, name=TASK_NAME, Request="worker.celery_edge.request:TicketRequest"
)
def run_ticket(self: Any) -> None:
    """A ticket: claim what waits and run it."""
    follow_parent(Path(os.environ[RUN_FOLDER]))
    try:
        _loaded[0].run(self.request.claim_id)
        failpoint(Failpoint.DONE)
    except StoreUnavailable as error:
        log.error("claim.left_to_the_reaper", claim_id=self.request.claim_id, error=str(error))
    finally:
        set_current()
