"""One case from its load to its verdict."""

import time
from collections import Counter
from dataclasses import dataclass, field
from random import Random

import httpx2
import redis

from inference.errors import PayloadGone
from inference.failpoints import Failpoint
from inference.states import FINAL, PUBLIC_WORDS, State
from testkit.failpoint_hook import Role
from testkit.kill_matrix.cases import Case
from testkit.kill_matrix.load import Accepted, Load
from testkit.kill_matrix.observer import Observer, Seen, read
from testkit.kill_matrix.stand import KEYS, Stand
from testkit.kill_matrix.strike import strike, target_of
from testkit.waiting import until

PATIENCE_S = 120.0
HTTP_SAMPLE = 10
EXITS = 0.1
"""The part of the cases in which a poison ends its process.

Each such record costs three loads of the model.
"""


@dataclass
class Verdict:
    """What a case came to.

    `lost`, `changed` and `innocents` name records, `trouble` is whatever else must not be.
    """

    case: Case
    accepted: int = 0
    unanswered: int = 0
    lost: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    innocents: list[str] = field(default_factory=list)
    outstanding: int = 0
    again: int = 0
    recovery_s: float | None = None
    seconds: float = 0.0
    trouble: list[str] = field(default_factory=list)

    @property
    def good(self) -> bool:
        return not (self.lost or self.changed or self.innocents or self.outstanding or self.trouble)

    def __str__(self) -> str:
        counts = (
            f"{self.accepted} accepted, {len(self.lost)} lost, {len(self.changed)} changed, "
            f"{len(self.innocents)} innocents"
        )
        went_on = "-" if self.recovery_s is None else f"{self.recovery_s:.1f} s"
        said = (
            f"{counts}, {self.outstanding} outstanding, {self.again} ran again, "
            f"went on after {went_on}, took {self.seconds:.0f} s"
        )
        return f"{'ok  ' if self.good else 'FAIL'} {self.case}: {said}" + "".join(
            f"\n     {line}" for line in self.trouble
        )


class Player:
    """Plays cases on one stand and remembers how every record ended.

    They get a last look when all cases are over.
    """

    def __init__(self, stand: Stand, records: int, random: Random) -> None:
        self._stand, self._records, self._random = stand, records, random
        self._ends: dict[str, Seen] = {}

    def play(self, case: Case) -> Verdict:
        """One case.

        What can't be waited for is its trouble, and the next case starts when all is up again.
        """
        verdict, started = Verdict(case), time.monotonic()
        self._stand.whole()
        self._stand.began()
        urls = [gateway.url for gateway in self._stand.stack.gateways]
        load = Load(urls, self._records, self._random, exits=self._random.random() < EXITS)
        with load, Observer(self._stand.stack.valkey.port, load.accepted) as observer:
            try:
                self._strike(case, load, observer)
                load.join()
                until(
                    lambda: self._stand.outstanding() == 0,
                    "nothing to be outstanding",
                    PATIENCE_S,
                    step_s=0.1,
                )
                until(lambda: len(observer.ends) >= len(load.accepted), "all ends to be seen", 5)
            except (AssertionError, redis.RedisError, httpx2.TransportError) as error:
                verdict.trouble.append(f"{type(error).__name__}: {error}")
        verdict.recovery_s = observer.recovery_s
        try:
            self._stand.whole()
            self._judge(verdict, load, observer)
        except (AssertionError, redis.RedisError, httpx2.TransportError, PayloadGone) as error:
            verdict.trouble.append(f"{type(error).__name__}: {error}")
        verdict.seconds = time.monotonic() - started
        return verdict

    def _strike(self, case: Case, load: Load, observer: Observer) -> None:
        moment = (
            0
            if case.gap is Failpoint.CLAIM_WAITS
            else self._random.randrange(self._records // 10, self._records // 2)
        )
        until(lambda: len(load.accepted) >= moment, f"{moment} to be accepted", 60, step_s=0.001)
        target = 0
        try:
            if case.role not in self._stand.servers:
                target = target_of(self._stand, load, case, self._random)
            worker = case.role in (Role.PARENT, Role.CHILD, Role.WORKER)
            observer.strike(self._stand.held_by(self._stand.owner(target).name) if worker else {})
            strike(self._stand, case, target)
        finally:
            if case.gap:
                self._stand.gaps.disarm(case.gap, case.stands)
            load.struck.set()

    def _judge(self, verdict: Verdict, load: Load, observer: Observer) -> None:
        accepted, runs = load.accepted, self._stand.began()
        now = read(self._stand.store, list(accepted))
        verdict.accepted, verdict.unanswered = len(accepted), load.unanswered
        verdict.outstanding = max(queue["outstanding"] for queue in self._stand.queues())
        for task_id, asked in accepted.items():
            self._judge_one(
                verdict, task_id, asked, now[task_id], observer.ends.get(task_id, now[task_id])
            )
        verdict.again = sum(
            asked.innocent and runs[task_id] > 1 for task_id, asked in accepted.items()
        )
        verdict.trouble += load.strange
        verdict.trouble += [
            f"ended without a run in the logs: {i}"
            for i, seen in now.items()
            if seen[0] and not runs[i]
        ]
        verdict.trouble += self._strays(runs, accepted) + self._http_differs(now)
        self._ends |= now

    def _judge_one(
        self, verdict: Verdict, task_id: str, asked: Accepted, now: Seen, first: Seen
    ) -> None:
        state, result = now[0], self._stand.result(task_id, now[3])
        if state not in FINAL or (state == State.SUCCESS and result["value"] != asked.value):
            verdict.lost.append(f"{task_id}: {now}")
        elif now != first or (asked.answer is not None and asked.answer != result):
            verdict.changed.append(f"{task_id}: {first}, then {now}")
        elif asked.innocent and state != State.SUCCESS:
            verdict.innocents.append(f"{task_id}: {now}")

    def _strays(self, runs: Counter[str], accepted: dict[str, Accepted]) -> list[str]:
        """Returns the runs of records that the store does not know.

        There must be none, whatever their callers were told.
        """
        unknown = [task_id for task_id in runs if task_id not in accepted]
        return [
            f"ran, and the store does not know it: {i}"
            for i in unknown
            if not self._stand.store.exists(f"{KEYS}:record:{i}")
        ]

    def _http_differs(self, now: dict[str, Seen]) -> list[str]:
        """A few of the records as either gateway tells them."""
        gateways, told = self._stand.stack.gateways, []
        for place, task_id in enumerate(
            self._random.sample(sorted(now), min(HTTP_SAMPLE, len(now)))
        ):
            url = f"{gateways[place % 2].url}/monitoring/task_status/{task_id}"
            status, state = self._stand.http.get(url).json().get("status"), now[task_id][0]
            if state and status != PUBLIC_WORDS[State(state)]:
                told.append(f"HTTP says {status} of {task_id}, the store {state}")
        return told

    def last_look(self) -> list[str]:
        """Which of all records changed since their own case was over."""
        now = read(self._stand.store, list(self._ends))
        return [
            f"{task_id}: {self._ends[task_id]}, then {seen}"
            for task_id, seen in now.items()
            if seen != self._ends[task_id]
        ]
