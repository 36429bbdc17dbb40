"""The thread of the parent that speaks for the child.

Once a second it reports, renews, beats, drains and watches, in this order.

It has the store to itself on its own connection, so neither a busy model nor a slow broker can
silence it. An unreachable store stops nothing: the child goes on, and what is to be reported is
reported when the store is back.
"""

import os
import sys
import threading
import time
from collections.abc import Callable

import structlog

from inference.errors import PrefixTaken, StoreUnavailable
from inference.settings import BEAT_S
from inference.store.messages import WorkerState
from inference.store.protocols import WorkerStore
from worker.child_status import ChildStatusFiles
from worker.parent.child_replacement import ChildReplacement
from worker.parent.child_watch import ChildWatch
from worker.parent.claim_reports import ClaimReports
from worker.parent.current_claims import CurrentClaims
from worker.parent.drain import Drain
from worker.parent.heartbeat import Heartbeat
from worker.parent.lease_keeper import LeaseKeeper
from worker.parent.liveness import Liveness
from worker.parent.memory_limit import MemoryLimit
from worker.parent.state_times import StateTimes
from worker.parent.ticket_watch import TicketWatch
from worker.parent.version_switch import VersionSwitch
from worker.settings import WorkerSettings
from worker.tickets import Tickets

log = structlog.get_logger()


class ParentThread:
    """Puts the parts together and runs them.

    `exit_process` ends the worker from the thread, with the exit code given.
    """

    def __init__(
        self,
        settings: WorkerSettings,
        store: WorkerStore,
        tickets: Tickets,
        child_status: ChildStatusFiles,
        liveness: Liveness,
        *,
        exit_process: Callable[[int], None] = os._exit,
    ) -> None:
        self.settings = settings
        self.child_status = child_status
        self.liveness = liveness
        self.claims = claims = CurrentClaims()
        self._store = store
        self._exit_process = exit_process
        self._wake = threading.Event()
        self._ending = threading.Lock()
        self._store_lost = False
        self._thread = threading.Thread(target=self._run, name="parent", daemon=True)

        switch = VersionSwitch(child_status, claims)
        self._replacement = ChildReplacement(
            MemoryLimit(child_status, claims, settings.model_memory_max_bytes), switch
        )
        self.reports = ClaimReports(settings, store, tickets, child_status.version, self._wake)
        ticket_watch = TicketWatch(claims, self.give_up)
        self.heartbeat = Heartbeat(
            settings=settings,
            store=store,
            tickets=tickets,
            state=lambda: self.state,
            version=child_status.held,
            replacement=self._replacement,
            ticket_watch=ticket_watch,
            liveness=liveness,
        )
        self._lease_keeper = LeaseKeeper(settings, store, claims, self.reports, self.claim_closed)
        self.drain = Drain(
            timeout_s=settings.drain_timeout_s,
            claims=claims,
            reports=self.reports,
            heartbeat=self.heartbeat,
            wake=self._wake,
            exit_process=exit_process,
        )
        self._child_watch = self._watch_for_child(switch)
        self._state_times = StateTimes(
            settings.model, lambda: self.state, child_status, self._replacement, claims
        )

    def start(self) -> None:
        """Starts the threads."""
        self._thread.start()
        self.liveness.start()

    def claim_closed(self, claim_id: str) -> None:
        """A claim ended; called by the event loop."""
        self.claims.close(claim_id)
        self._replacement.after_batch()

    @property
    def alive(self) -> bool:
        """Whether a restart would mend nothing: the broker and the store have no say in it."""
        return self._thread.is_alive() and self.liveness.alive

    @property
    def state(self) -> WorkerState:
        """What this worker says of itself."""
        if self.drain.requested:
            return WorkerState.DRAINING
        if not self.child_status.loaded():
            return WorkerState.LOADING
        return WorkerState.BUSY if self.claims.current is not None else WorkerState.IDLE

    def give_up(self, sentence: str) -> None:
        """Ends a worker that can't go on, with one sentence.

        Whichever thread finds it out first calls it.
        """
        self._ending.acquire()
        print(f"worker: {sentence}", file=sys.stderr, flush=True)
        self.heartbeat.say_goodbye()
        self._exit_process(1)

    def _watch_for_child(self, switch: VersionSwitch) -> ChildWatch:
        return ChildWatch(
            model_uri=self.settings.model_uri,
            child_status=self.child_status,
            claims=self.claims,
            reports=self.reports,
            version_switch=switch,
            liveness=self.liveness,
            give_up=self.give_up,
        )

    def _run(self) -> None:
        while True:
            started = time.monotonic()
            self._talk_to_store()
            self.drain.check()
            self._child_watch.check()
            self._state_times.look()
            self._wake.wait(max(0.05, BEAT_S - (time.monotonic() - started)))
            self._wake.clear()

    def _talk_to_store(self) -> None:
        try:
            self.reports.send()
            self._lease_keeper.renew()
            self._store.own(self.settings.model)
            self.heartbeat.beat()
            self._log_store(lost=False)
        except StoreUnavailable as error:
            self._log_store(lost=True, error=str(error))
        except PrefixTaken as error:
            self.drain.request_by_signal(str(error))

    def _log_store(self, lost: bool, error: str = "") -> None:
        """Logs a change, not every failure."""
        if lost and not self._store_lost:
            log.warning("store.lost", error=error)
        elif self._store_lost and not lost:
            log.info("store.found")
        self._store_lost = lost
