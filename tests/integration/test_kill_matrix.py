"""A sample of the kill matrix, drawn by a seed that is printed; `KILL_SEED=…` draws it again.

All of it: docs/kill-matrix.md.
"""

import os
import secrets
import time
from collections import Counter
from pathlib import Path
from random import Random

import pytest

from inference.failpoints import Failpoint
from testkit.kill_matrix.cases import BATCHES, GAPS, all_cases, draw
from testkit.kill_matrix.matrix import Plan, run
from testkit.kill_matrix.report import document
from testkit.rabbitmq import installed

CASES, RECORDS = 14, 500
LAST_START_S = 90.0
"""No case begins later, so that the sample takes two minutes and a half.

That is three or four cases of each B; on a quick machine it is all.
"""


def test_every_gap_has_its_cases_and_a_seed_draws_the_same_ones() -> None:
    assert {gap for gaps in GAPS.values() for gap in gaps} == set(Failpoint)
    assert {case.gap for case in all_cases()} == {*Failpoint, None}
    assert draw(CASES, Random("a")) == draw(CASES, Random("a")) != draw(CASES, Random("b"))
    assert Counter(case.batch for case in draw(CASES, Random("a"))) == dict.fromkeys(
        BATCHES, CASES // 2
    )
    assert set(draw(len(all_cases()), Random("a"))) == set(all_cases())


@pytest.mark.kill
def test_a_sample_of_the_kill_matrix(fault_registry: str, tmp_path: Path) -> None:
    seed = os.environ.get("KILL_SEED") or secrets.token_hex(4)
    broker = Random(seed).choice(["redis", "rabbitmq"] if installed() else ["redis"])
    print(f"KILL_SEED={seed} on {broker}")
    end = time.monotonic() + LAST_START_S
    plan = Plan(draw(CASES, Random(seed)), RECORDS, seed, True, broker, end)
    result = run(plan, tmp_path, fault_registry)
    print(document(result.verdicts, result.failures, seed, "a sample", broker))
    assert [str(verdict) for verdict in result.verdicts if not verdict.good] == []
    assert result.failures == []
    assert {verdict.case.batch for verdict in result.verdicts} == set(BATCHES)
    assert all(verdict.accepted >= RECORDS for verdict in result.verdicts)
