"""Starts the services as their needs allow, starts again what dies, and stops them all.

One thread and a look round every few milliseconds. Not only for simplicity: the death signal of a
child is bound to the thread that started it, and code between fork and exec must not meet another
thread's locks.
"""

import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from types import FrameType

from scripts.local.orphan_killer import OrphanKiller
from scripts.local.process import Child, Service, how_it_ended
from scripts.local.run_dir import Refused, RunDir

STARTING_STEP_S = 0.05
STEADY_STEP_S = 0.2
FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 10.0
SOUND_AFTER_S = 30.0
PATIENCE_S = 10.0

Say = Callable[[str], None]


class Phase(Enum):
    """Where a service is: waiting for its needs or its pause, started but not ready, ready."""

    WAITING = "waiting"
    STARTING = "starting"
    READY = "ready"


@dataclass
class Standing:
    """A service and what has become of it."""

    service: Service
    child: Child
    phase: Phase = Phase.WAITING
    was_ready: bool = False
    since: float = 0.0
    not_before: float = 0.0
    pause_s: float = FIRST_PAUSE_S
    next_word: float = 0.0


class Stop:
    """What the person asked for: the first signal stops, the second is in a hurry."""

    def __init__(self) -> None:
        self.signals = 0
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._note)

    def _note(self, _number: int, _frame: FrameType | None) -> None:
        self.signals += 1

    def asked(self) -> bool:
        return self.signals > 0

    def hurry(self) -> bool:
        return self.signals > 1


class Supervisor:
    """Runs the services given in the order in which they are to be stopped."""

    def __init__(
        self,
        run_dir: RunDir,
        services: Sequence[Service],
        orphan_killer: OrphanKiller,
        stop: Stop,
        say: Say,
    ) -> None:
        self._run_dir = run_dir
        self._orphan_killer = orphan_killer
        self._stop = stop
        self._say = say
        self._standings = {service.name: self._standing(service) for service in services}

    def _standing(self, service: Service) -> Standing:
        log = _fresh_log(self._run_dir, service.name)
        return Standing(service, Child(service, log, self._orphan_killer))

    def start(self, complete: Callable[[], bool]) -> bool:
        """Returns True when all services are ready and found each other.

        False when asked to stop before. Raises `Refused` when one cannot start.
        """
        while not self._stop.asked():
            self._look_round()
            if (
                all(
                    standing.phase is Phase.READY
                    for standing in self._standings.values()
                    if not standing.service.beside
                )
                and complete()
            ):
                return True
            time.sleep(STARTING_STEP_S)
        return False

    def watch(self, added: Callable[[], Sequence[Service]], gateway: Callable[[], Service]) -> None:
        """Starts again what dies, until asked to stop.

        `added` are services to start beside the others; then the gateway starts again, as `gateway`
        describes it by then.
        """
        while not self._stop.asked():
            if new := added():
                self._add(new, gateway())
            self._look_round()
            time.sleep(STEADY_STEP_S)

    def _add(self, new: Sequence[Service], gateway: Service) -> None:
        before = self._standings.pop(gateway.name)
        before.child.stop(self._stop.hurry)
        others, self._standings = self._standings, {gateway.name: self._standing(gateway)}
        self._standings |= {one.name: self._standing(one) for one in new} | others

    def stop(self) -> None:
        """Ends the services one after the other.

        The gateway takes nothing new, the workers finish, then what these rely on.
        """
        for standing in self._standings.values():
            standing.child.stop(self._stop.hurry)

    def kill(self) -> None:
        """Ends all at once."""
        for standing in self._standings.values():
            standing.child.kill()

    def _look_round(self) -> None:
        now = time.monotonic()
        for standing in reversed(self._standings.values()):
            if self._stop.asked():
                return
            if standing.phase is Phase.WAITING:
                self._perhaps_start(standing, now)
            elif (code := standing.child.ended()) is not None:
                self._answer_end(standing, code, now)
            elif standing.phase is Phase.STARTING:
                self._perhaps_ready(standing, now)

    def _perhaps_start(self, standing: Standing, now: float) -> None:
        service = standing.service
        needed = (self._standings[name] for name in service.needs)
        if now < standing.not_before or not all(need.was_ready for need in needed):
            return
        if service.once and service.ready():
            standing.phase, standing.was_ready = Phase.READY, True
            return
        standing.phase, standing.since, standing.next_word = Phase.STARTING, now, now + PATIENCE_S
        standing.child.start()
        if not standing.was_ready:
            self._say(f"starting {service.name}" + (f" ({service.why})" if service.why else ""))

    def _perhaps_ready(self, standing: Standing, now: float) -> None:
        if not standing.service.once and standing.service.ready():
            self._ready(standing)
        elif now > standing.next_word:
            standing.next_word = now + PATIENCE_S
            self._say(
                f"waiting for {standing.service.name}, {now - standing.since:.0f} s:"
                f" {standing.child.last_line()}"
            )

    def _ready(self, standing: Standing) -> None:
        if not standing.was_ready or standing.pause_s > FIRST_PAUSE_S:
            self._say(f"{standing.service.name} is {'done' if standing.service.once else 'ready'}")
        standing.phase, standing.was_ready, standing.since = Phase.READY, True, time.monotonic()

    def _answer_end(self, standing: Standing, code: int, now: float) -> None:
        service, last = standing.service, standing.child.last_line()
        if service.once and code == 0:
            self._ready(standing)
            return
        if service.beside and code >= 0 and not standing.was_ready:
            standing.phase = Phase.READY
            self._say(
                f"{service.name} {how_it_ended(code)}, and the run goes on without it:"
                f" {last or 'it said nothing'}"
            )
            return
        if not standing.was_ready and code >= 0:
            raise Refused(
                f"{service.name} {how_it_ended(code)}: {last or 'it said nothing'} (all it said is"
                f" in {standing.child.log})"
            )
        if standing.phase is Phase.READY and now - standing.since > SOUND_AFTER_S:
            standing.pause_s = FIRST_PAUSE_S
        pause = standing.pause_s
        self._say(
            f"{service.name} {how_it_ended(code)}; starting it again in {pause:g} s; its last line:"
            f" {last or '(none)'}"
        )
        standing.phase, standing.not_before = Phase.WAITING, now + pause
        standing.pause_s = min(2 * pause, LONGEST_PAUSE_S)


def _fresh_log(run_dir: RunDir, name: str) -> Path:
    """The log file of a service; what the last run wrote is kept beside it."""
    log = run_dir.logs / f"{name}.log"
    if log.exists():
        log.replace(log.with_suffix(".log.1"))
    return log
