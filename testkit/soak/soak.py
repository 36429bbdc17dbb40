"""One soak: warm up, rest, measure; load and strike; rest, measure, judge."""

import sys
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from testkit.soak.faults import Fault, Faults, schedule
from testkit.soak.judge import Line, lines
from testkit.soak.ledger import Ledger
from testkit.soak.load import AT_CAPACITY, Load, Pace
from testkit.soak.rest import PATIENCE_S, Rest, come_to_rest
from testkit.soak.stand import SoakStand
from testkit.waiting import until

GONE_SAMPLE = 20


@dataclass(frozen=True)
class Plan:
    """`leaks` plants one, to see it found."""

    seconds: float
    warm_up_s: float
    seed: str
    leaks: bool = False
    pace: Pace = AT_CAPACITY


@dataclass
class Result:
    """What came of it; `trouble` is whatever must not be."""

    plan: Plan
    ledger: Ledger
    struck: Counter[Fault]
    start: Rest
    end: Rest
    trouble: list[str] = field(default_factory=list)

    @property
    def lines(self) -> list[Line]:
        return list(lines(self.start, self.end, self.ledger.accepted))

    @property
    def bad(self) -> list[str]:
        """All that must not be, a sentence each."""
        ledger = self.ledger
        found = [
            f"{line.what}: {line.start}, then {line.end}, may be {line.most}"
            for line in self.lines
            if not line.good
        ]
        for word in ("lost", "changed", "innocents", "strange"):
            found += [f"{word}: {one}" for one in getattr(ledger, word)]
        found += [f"not seen to end: {task_id}" for task_id in ledger.pending]
        found += [f"outstanding: {self.end.outstanding}"] if self.end.outstanding else []
        return found + self.trouble + self.start.trouble + self.end.trouble


def run(plan: Plan, folder: Path, mlflow_url: str) -> Result:
    """Soaks a stand of its own."""
    folder.mkdir(exist_ok=True)
    stand, random = SoakStand(folder, mlflow_url, plan.leaks), Random(plan.seed)
    try:
        stand.start()
        with Ledger(stand.stack.valkey.port) as ledger:
            load = Load(stand.urls, ledger, random, plan.pace)
            _load(stand, ledger, load, [], plan.warm_up_s)
        start = come_to_rest(stand)
        _say(
            f"warm: {ledger.accepted} accepted, {dict(ledger.ends)}, "
            f"at rest after {start.expired_s:.0f} s"
        )
        with Ledger(stand.stack.valkey.port) as ledger:
            struck = schedule(plan.seconds, random)
            load = Load(stand.urls, ledger, random, plan.pace)
            faults = _load(stand, ledger, load, struck, plan.seconds)
        _say(f"soaked: {ledger.accepted} accepted, {dict(ledger.ends)}")
        result = Result(plan, ledger, faults.struck, start, come_to_rest(stand))
        result.trouble += _still_known(stand, sorted(ledger.known), random)
        return result
    finally:
        stand.stop()


def _load(
    stand: SoakStand,
    ledger: Ledger,
    load: Load,
    plan: list[tuple[float, Fault]],
    seconds: float,
) -> Faults:
    """Loads and strikes for so long, then waits until every end was seen.

    Records whose end was not seen stay in `ledger.pending`.
    """
    faults = Faults(stand)
    with load:
        faults.run(plan, seconds)
    until(lambda: stand.outstanding() == 0, "nothing to be outstanding", PATIENCE_S, step_s=0.2)
    try:
        until(lambda: not ledger.pending, "all ends to be seen", 5)
    except AssertionError as error:
        _say(str(error))
    return faults


def _still_known(stand: SoakStand, ids: list[str], random: Random) -> list[str]:
    """A few of the records, as a gateway tells them: nobody may know them any more."""
    told = []
    for task_id in random.sample(ids, min(GONE_SAMPLE, len(ids))):
        status = stand.http.get(
            f"{stand.stack.gateways[0].url}/monitoring/task_status/{task_id}"
        ).status_code
        told += [f"{task_id} is answered {status} when all has expired"] if status != 404 else []
    return told


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
