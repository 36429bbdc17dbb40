"""Bootsteps: what this worker adds to Celery's start-up, in its order."""

import gc
import os
import signal
import time
from pathlib import Path
from typing import Any

from celery import bootsteps
from celery.exceptions import WorkerShutdown
from celery.worker import state
from celery.worker.consumer.tasks import Tasks

from inference.settings import BEAT_S
from worker.child_status import PINNED, RUN_FOLDER
from worker.log_level import follow_signals
from worker.parent.parent_thread import ParentThread
from worker.probes import ProbeServer


class StartParent(bootsteps.StartStopStep):  # type: ignore[misc]
    """Starts the thread that speaks for the child, and the probes, once the pool exists."""

    requires = ("celery.worker.components:Pool", "celery.worker.components:Timer")

    def start(self, worker: Any) -> None:
        parent: ParentThread = worker.app.parent_thread
        settings = parent.settings
        parent.child_status.pid = lambda: _child_pid(worker)
        # Celery reads a second SIGINT as a cold stop, which would fail what runs; a stop is a stop,
        # by whatever signal.
        signal.signal(signal.SIGINT, signal.getsignal(signal.SIGTERM))
        follow_signals(settings.log_level, Path(os.environ[RUN_FOLDER]))
        parent.start()
        ProbeServer(settings.probe_host, settings.probe_port, parent).start()


class CountLoopTurns(bootsteps.StartStopStep):  # type: ignore[misc]
    """Counts the turns of the event loop, one every second.

    It is a step of the consumer, since Celery drops timers of a connection that is lost. It also
    keeps the loop where a delivery finds it: after the first reconnect kombu no longer knows a
    current one.
    """

    requires = ("celery.worker.consumer.connection:Connection",)

    def start(self, consumer: Any) -> None:
        # What a lost connection leaves behind are cycles that hold its sockets, and this process
        # makes too little garbage for the collector to come by itself.
        gc.collect()
        consumer.app.hub = consumer.hub
        turned = consumer.app.parent_thread.liveness.turned
        turned()  # a broker that refuses every command lets the connection last for no second
        consumer.timer.call_repeatedly(BEAT_S, turned)


class WaitForModel(bootsteps.StartStopStep):  # type: ignore[misc]
    """Holds the consumer back until the child has the model.

    Else Celery would say ready, and take a ticket, while the child still loads. It does so only at
    first. After a reconnect a child that died meanwhile is replaced by the event loop, which waits
    for this step.
    """

    requires = ("celery.worker.consumer.connection:Connection",)
    _first = True

    def start(self, consumer: Any) -> None:
        parent: ParentThread = consumer.app.parent_thread
        if not self._first:
            return
        while not parent.child_status.loaded():
            parent.liveness.turned()
            if state.should_stop is not None or state.should_terminate is not None:
                raise WorkerShutdown(0)
            if not _child_lives(consumer.controller):
                why = parent.child_status.failed()[1] or "its process died"
                parent.give_up(f"{parent.settings.model_uri} could not be loaded: {why}")
            time.sleep(0.05)
        # Every replacement of the child loads the version that the first one found, until it is
        # this worker's turn to follow.
        os.environ[PINNED] = str(parent.child_status.held())
        self._first = False


def install(app: Any) -> None:
    """Adds the steps to an app.

    Call it once in a process: Celery keeps the order of its steps on its own classes.
    """
    app.steps["worker"].add(StartParent)
    app.steps["consumer"].update((CountLoopTurns, WaitForModel))
    Tasks.requires = (*Tasks.requires, WaitForModel)


def _child_pid(worker: Any) -> int:
    """The pool's one child; 0 while it is being replaced."""
    children = _children(worker)
    return children[0].pid if children else 0


def _child_lives(worker: Any) -> bool:
    """Asked while the pool's own loop stands still and would not notice."""
    children = _children(worker)
    return bool(children) and children[0]._is_alive()


def _children(worker: Any) -> list[Any]:
    return (
        list(worker.pool._pool._pool)
        if worker.pool is not None and worker.pool._pool is not None
        else []
    )
