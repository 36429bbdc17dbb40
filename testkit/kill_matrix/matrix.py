"""Plays a plan: the cases of each B on a stand of their own, and what came of all of them."""

import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from inference.failpoints import Failpoint
from testkit.kill_matrix.cases import BATCHES, Case
from testkit.kill_matrix.play import Player, Verdict
from testkit.kill_matrix.stand import Stand


@dataclass
class Plan:
    """What to run; no case is begun after `until` (of `time.monotonic`)."""

    cases: Sequence[Case]
    records: int
    seed: str
    side_by_side: bool = False
    broker: str = "redis"
    until: float = float("inf")


@dataclass
class Result:
    """What came of it. `failures` are those that no single case has to answer for."""

    verdicts: list[Verdict] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    hit: set[Failpoint] = field(default_factory=set)

    @property
    def good(self) -> bool:
        return not self.failures and all(verdict.good for verdict in self.verdicts)


def run(plan: Plan, folder: Path, mlflow_url: str) -> Result:
    """Plays the cases, those of one B after each other on one stand."""
    result = Result()
    batches = [batch for batch in BATCHES if any(case.batch == batch for case in plan.cases)]
    with ThreadPoolExecutor(len(batches) if plan.side_by_side else 1) as pool:
        for done in [
            pool.submit(_play_all, plan, batch, folder / f"b{batch}", mlflow_url, result)
            for batch in batches
        ]:
            done.result()
    for gap in sorted(
        {verdict.case.gap for verdict in result.verdicts if verdict.case.gap} - result.hit
    ):
        result.failures.append(f"never hit: {gap.name} ({gap.value})")
    return result


def _play_all(plan: Plan, batch: int, folder: Path, mlflow_url: str, result: Result) -> None:
    folder.mkdir()
    stand = Stand(folder, mlflow_url, batch, broker_kind=plan.broker)
    player = Player(stand, plan.records, Random(f"{plan.seed}/{batch}"))
    try:
        stand.start()
        for case in plan.cases:
            if case.batch == batch and time.monotonic() < plan.until:
                result.verdicts.append(player.play(case))
                print(result.verdicts[-1], file=sys.stderr, flush=True)
        result.failures += [f"changed later: {line}" for line in player.last_look()]
        result.hit |= {gap for gap, _ in stand.gaps.hit()}
    finally:
        stand.stop()
