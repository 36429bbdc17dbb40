"""Says once a second that this worker lives and what it does.

It acts on what the store answers.
"""

import threading
from collections.abc import Callable

import structlog

from inference.errors import StoreUnavailable
from inference.failpoints import Failpoint, failpoint
from inference.settings import BEAT_S
from inference.store.messages import HeartbeatAnswer, HeartbeatRequest, WorkerState
from inference.store.protocols import WorkerStore
from worker.child_status import HeldVersion
from worker.parent.child_replacement import ChildReplacement
from worker.parent.liveness import Liveness
from worker.parent.ticket_watch import TicketWatch
from worker.settings import WorkerSettings
from worker.tickets import Tickets

log = structlog.get_logger()


class Heartbeat:
    """`state` answers what this worker does now.

    `version` answers the model version that its child holds, none while it loads.
    """

    def __init__(
        self,
        *,
        settings: WorkerSettings,
        store: WorkerStore,
        tickets: Tickets,
        state: Callable[[], WorkerState],
        version: Callable[[], HeldVersion],
        replacement: ChildReplacement,
        ticket_watch: TicketWatch,
        liveness: Liveness,
    ) -> None:
        self._settings = settings
        self._store = store
        self._tickets = tickets
        self._state = state
        self._version = version
        self._replacement = replacement
        self._ticket_watch = ticket_watch
        self._liveness = liveness
        self._sending = threading.Lock()
        self._gone = False

    def beat(self) -> None:
        """Sends a heartbeat and acts on the answer; raises `StoreUnavailable`.

        Does nothing after `say_goodbye`.
        """
        # Celery says goodbye on its own thread. A heartbeat that is under way then must not reach
        # the store after it: the worker would be listed until its heartbeat is overdue.
        with self._sending:
            answer = None if self._gone else self._send(self._state())
        if answer is not None:
            self._act_on(answer)

    def say_goodbye(self) -> None:
        """Takes this worker off the list, if the store answers."""
        try:
            with self._sending:
                self._gone = True
                self._send(WorkerState.GONE)
            failpoint(Failpoint.GOODBYE)
        except StoreUnavailable:
            log.info("worker.goodbye_unheard")

    def _send(self, state: WorkerState) -> HeartbeatAnswer:
        own, version = self._settings, self._version()
        beat = HeartbeatRequest(
            own.model,
            own.worker_id,
            state,
            version.number,
            own.max_batch_size,
            round(BEAT_S * 1000),
            self._replacement.version_switch.wanted,
            round(own.start_limit_s * 1000),
            self._replacement.problem,
            version.identity,
        )
        return self._store.heartbeat(beat)

    def _act_on(self, answer: HeartbeatAnswer) -> None:
        """Publishes missing tickets, and replaces the child if that is due.

        Not while the event loop stands still: a child that is ended then would not be replaced,
        since only the loop does that.
        """
        if answer.repair:
            failpoint(Failpoint.REPAIR_DUE)
        published = self._tickets.publish(answer.repair) == answer.repair
        self._replacement.version_switch.my_turn = answer.my_turn
        self._replacement.memory_limit.measure()
        turning = self._liveness.turning
        if turning:
            self._replacement.replace_if_due()
        idle = self._state() is WorkerState.IDLE and answer.waiting > 0
        self._ticket_watch.check(expected=idle and turning and published)
