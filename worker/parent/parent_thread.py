"""The thread of the parent that speaks for the child: it beats, renews, ends what outran its limit and reports how claims ended.

It has the store to itself on its own connection, so neither a busy model nor a slow broker can silence it. An unreachable store
stops nothing: the child goes on, and what is to be reported is reported when the store is back.
"""

import os
import signal
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

import orjson
import structlog
from billiard.exceptions import TimeLimitExceeded

from app.contract.errors import PrefixTaken, StoreUnavailable
from app.contract.gaps import Gap, reach
from app.contract.moves import ALL, Beat, BeatAnswer, Outcome, SettleAnswer, Verb, WorkerState
from app.contract.settings import BEAT_S
from app.contract.store import WorkerStore
from worker.child_status import ChildMarks
from worker.parent.current_claims import Custody, Verdict, judge
from worker.parent.liveness import Liveness
from worker.parent.memory_limit import Growth
from worker.parent.version_switch import Replacement
from worker.settings import WorkerSettings
from worker.tickets import Tickets

log = structlog.get_logger()

REPLACE_S = 15.0
"""Celery's loop replaces a dead child within 5 s; a worker whose child stays dead for longer ends, to be started again."""

DEAF_S = 90.0
"""An idle worker that gets no ticket for this long while something waits ends itself; repairs come at least every 30 s."""


@dataclass(frozen=True, slots=True)
class Report:
    """How a claim ended, to be told to the store."""

    claim_id: str
    outcome: Outcome
    reason: str


@dataclass
class Custodian:
    """See the module. `exit_process` ends the worker from the thread, with the exit code given."""

    settings: WorkerSettings
    store: WorkerStore
    tickets: Tickets
    marks: ChildMarks
    liveness: Liveness
    exit_process: Callable[[int], None] = os._exit
    custody: Custody = field(default_factory=Custody)

    def __post_init__(self) -> None:
        self.growth = Growth(self.marks, self.settings.model_memory_max_bytes)
        self.replacement = Replacement(self.marks, self.custody, self.growth)
        self._reports: deque[Report] = deque()
        self._reason: dict[str, str] = {}
        self._wake = threading.Event()
        self._drain_until: float | None = None
        self._opened = self._opened_before = self._deaf_beats = 0
        self._dead_since: float | None = None
        self._ending = threading.Lock()
        self._store_lost = self._leaving = False
        self._thread = threading.Thread(target=self._run, name="custodian", daemon=True)

    # Told by the event loop

    def start(self) -> None:
        """Starts the threads."""
        self._thread.start()
        self.liveness.start()

    def opened(self, claim_id: str) -> None:
        """A ticket arrived."""
        self._opened += 1
        self.custody.open(claim_id)

    def accepted(self, claim_id: str, pid: int) -> None:
        """The child has it."""
        self.custody.accept(claim_id, pid)

    def closed(self, claim_id: str) -> None:
        """It ended; under load this is the moment at which the child has nothing in it."""
        self.custody.close(claim_id)
        self.growth.look()
        if self.replacement.due:
            self.replacement.go()

    def ended_badly(self, claim_id: str, cause: BaseException) -> None:
        """The child died under it, outran Celery's limit, or let an exception out."""
        cause = getattr(cause, "exc", cause)  # billiard wraps what it raises together with its traceback
        reason = self._reason.pop(claim_id, "")
        if not reason:
            reason = "timeout" if isinstance(cause, TimeLimitExceeded) else "worker_lost"
            self._report(claim_id, _failed(reason, self.settings), reason)
        log.warning("claim.ended_badly", claim_id=claim_id, reason=reason, cause=f"{type(cause).__name__}: {cause}")

    def drain(self) -> None:
        """A signal to stop: once, let the run end if it fits; again, hand it back now."""
        now = time.monotonic()
        self._drain_until = now + self.settings.drain_timeout_s if self._drain_until is None else now
        reach(Gap.DRAINING)
        self._wake.set()

    # Asked by the probes

    @property
    def version(self) -> str:
        """The version of the model that the child holds, '' while it loads."""
        return self.marks.version()

    @property
    def alive(self) -> bool:
        """Whether a restart would mend nothing: the broker and the store have no say in it."""
        return self._thread.is_alive() and self.liveness.alive

    @property
    def state(self) -> WorkerState:
        """What this worker says of itself."""
        if self._drain_until is not None:
            return WorkerState.DRAINING
        if not self.marks.loaded():
            return WorkerState.LOADING
        return WorkerState.BUSY if self.custody.current is not None else WorkerState.IDLE

    # The thread

    def say_goodbye(self) -> None:
        """Takes this worker off the list, if the store answers."""
        try:
            self._beat(WorkerState.GONE)
            reach(Gap.GOODBYE)
        except StoreUnavailable:
            log.info("worker.goodbye_unheard")

    def _run(self) -> None:
        while True:
            started = time.monotonic()
            try:
                self._send_reports()
                self._renew()
                self.store.own(self.settings.model)
                self._listen(self._beat(self.state))
                self._found()
            except StoreUnavailable as error:
                self._lost(error)
            except PrefixTaken as error:
                self._leave(str(error))
            self._check_drain()
            self._check_child()
            self._wake.wait(max(0.05, BEAT_S - (time.monotonic() - started)))
            self._wake.clear()

    def _listen(self, answer: BeatAnswer) -> None:
        """Publishes what is missing; a worker that hears none of it for long has lost its consumer, and had better start again.

        While the event loop stands still the worker is no more deaf than the broker is away, and a child that is ended now would
        not be replaced: only the loop does that.
        """
        if answer.repair:
            reach(Gap.REPAIR_DUE)
        published = self.tickets.publish(answer.repair) == answer.repair
        self.replacement.my_turn = answer.my_turn
        self.growth.look()
        turning = self.liveness.turning
        if turning:
            self.replacement.go()
        idle = self.state is WorkerState.IDLE and answer.waiting > 0 and self._opened == self._opened_before
        self._deaf_beats = self._deaf_beats + 1 if idle and turning and published else 0
        self._opened_before = self._opened
        if self._deaf_beats * BEAT_S >= DEAF_S:
            self.give_up(f"it got no ticket in {DEAF_S:g} s although predictions wait: its connection to the broker is lost")

    def _beat(self, state: WorkerState) -> BeatAnswer:
        own, replacement = self.settings, self.replacement
        beat = Beat(
            own.model,
            own.worker_id,
            state,
            self.version,
            own.max_batch_size,
            round(BEAT_S * 1000),
            replacement.wanted,
            round(own.start_limit_s * 1000),
            replacement.problem,
        )
        return self.store.heartbeat(beat)

    def _renew(self) -> None:
        delivery = self.custody.current
        if delivery is None:
            return
        answer = self.store.renew(self.settings.model, delivery.claim_id, self.settings.run_limit_ms)
        reach(Gap.RENEWED)
        verdict = judge(answer, round(self.settings.run_limit_s * 1000))
        if verdict is Verdict.STOP_LOST:
            self._stop(delivery.claim_id, Outcome(ALL, Verb.HAND_BACK), "lost")
        elif verdict is Verdict.STOP_LIMIT:
            self._stop(delivery.claim_id, _failed("timeout", self.settings), "timeout")

    def _stop(self, claim_id: str, outcome: Outcome, reason: str) -> None:
        """Tells the store first: that closes the fence, so a write the dying child has under way can't be half believed."""
        self._reason[claim_id] = reason
        try:
            self._settle(Report(claim_id, outcome, reason))
            reach(Gap.STOP_TOLD)
        finally:
            stopped = self.custody.stop(claim_id, lambda pid: os.kill(pid, signal.SIGKILL))
            log.warning("child.stopped" if stopped else "child.spared", claim_id=claim_id, reason=reason)

    def _report(self, claim_id: str, outcome: Outcome, reason: str) -> None:
        self._reports.append(Report(claim_id, outcome, reason))
        self._wake.set()

    def _send_reports(self) -> None:
        while self._reports:
            reach(Gap.REPORT_DUE)
            self._settle(self._reports[0])
            self._reports.popleft()

    def _settle(self, report: Report) -> SettleAnswer:
        answer = self.store.settle(self.settings.model, report.claim_id, [report.outcome], self.version)
        log.info("claim.reported", claim_id=report.claim_id, reason=report.reason, records=answer.words)
        reach(Gap.REPORTED)
        self.tickets.cover(answer.tickets)
        return answer

    def _check_drain(self) -> None:
        """Hands back what is still running when the time is up, and leaves; Celery leaves by itself when the run ended before."""
        if self._drain_until is None or time.monotonic() < self._drain_until:
            return
        delivery = self.custody.current
        handed_back = 0
        if delivery is not None:
            try:
                answer = self._settle(Report(delivery.claim_id, Outcome(ALL, Verb.HAND_BACK), "drain"))
                reach(Gap.HANDED_BACK)
                handed_back = sum(word == "waiting" for word in answer.words.values())
            except StoreUnavailable as error:
                log.warning("worker.hand_back_unheard", error=str(error))
        log.info("worker.drained", handed_back=handed_back)
        self.say_goodbye()
        self.exit_process(0)

    def _check_child(self) -> None:
        version, sentence = self.marks.failed()
        if sentence and not self.replacement.go_back(version, sentence):
            self.give_up(f"{self.settings.model_uri} could not be loaded: {sentence}")
        if not self.marks.died():
            self._dead_since = None
            return
        # Celery looks for dead children every 5 s, and now and then replaces one by a process that it can't talk to.
        delivery = self.custody.current
        if delivery is not None and delivery.pid == self.marks.pid() and delivery.claim_id not in self._reason:
            self._reason[delivery.claim_id] = "worker_lost"
            self._report(delivery.claim_id, _failed("worker_lost", self.settings), "worker_lost")
        if not self.liveness.turning:
            self._dead_since = None
            return
        self._dead_since = self._dead_since or time.monotonic()
        if time.monotonic() - self._dead_since > REPLACE_S:
            self.give_up("the process of the model died and was not replaced")

    def _leave(self, sentence: str) -> None:
        """Has this worker drain and end, with one sentence: it takes no more, and what runs may still be its own."""
        if not self._leaving:
            print(f"worker: {sentence}", file=sys.stderr, flush=True)
            os.kill(os.getpid(), signal.SIGTERM)
        self._leaving = True

    def give_up(self, sentence: str) -> None:
        """Ends a worker that can't go on, with one sentence, whichever thread finds it out first."""
        self._ending.acquire()
        print(f"worker: {sentence}", file=sys.stderr, flush=True)
        self.say_goodbye()
        self.exit_process(1)

    def _lost(self, error: StoreUnavailable) -> None:
        if not self._store_lost:
            log.warning("store.lost", error=str(error))
        self._store_lost = True

    def _found(self) -> None:
        if self._store_lost:
            log.info("store.found")
        self._store_lost = False


def _failed(reason: str, settings: WorkerSettings) -> Outcome:
    messages = {
        "timeout": f"the model did not answer within its run limit of {settings.run_limit_s:g} s",
        "worker_lost": "the process that ran it died",
    }
    return Outcome(ALL, Verb.FAIL, orjson.dumps({"type": reason, "message": messages[reason]}))
