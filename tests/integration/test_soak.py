"""A short soak, drawn by a seed that is printed; `SOAK_SEED=…` draws it again.

Ten minutes of it: docs/soak.md.
"""

import os
import secrets
from pathlib import Path
from random import Random

import pytest

from testkit.soak.faults import Fault, schedule
from testkit.soak.load import Pace
from testkit.soak.report import document
from testkit.soak.soak import Plan, run

SECONDS, WARM_UP_S, LEAK_S = 75.0, 15.0, 30.0
PACE = Pace(pause_s=0.05, padding=32_000)
"""Below capacity, since other tests run beside; on a slow machine it makes a thousand predictions.

A gateway that keeps their bodies, as text and parsed, grows by three times what it may.
"""


def test_a_seed_draws_the_same_faults_and_ten_minutes_have_each_of_them_often() -> None:
    assert schedule(600, Random("a")) == schedule(600, Random("a")) != schedule(600, Random("b"))
    struck = [fault for _, fault in schedule(600, Random("a"))]
    assert all(struck.count(fault) >= 4 for fault in Fault)


@pytest.mark.kill
@pytest.mark.timeout(600)
def test_memory_descriptors_keys_and_connections_come_back_when_all_has_expired(
    fault_registry: str, tmp_path: Path
) -> None:
    seed = os.environ.get("SOAK_SEED") or secrets.token_hex(4)
    print(f"SOAK_SEED={seed}")
    result = run(Plan(SECONDS, WARM_UP_S, seed, pace=PACE), tmp_path / "soak", fault_registry)
    print(document(result, "a short one"))
    assert result.bad == []
    assert result.ledger.ends["success"] > 0
    assert result.struck.total() > 0


@pytest.mark.kill
@pytest.mark.timeout(600)
def test_a_gateway_that_keeps_every_body_is_found(fault_registry: str, tmp_path: Path) -> None:
    plan = Plan(LEAK_S, WARM_UP_S, "leak", leaks=True, pace=PACE)
    result = run(plan, tmp_path / "soak", fault_registry)
    print(document(result, "a planted leak"))
    found = [line.what for line in result.lines if not line.good]
    assert "gateway-0: resident memory" in found
    assert not [what for what in found if not what.startswith("gateway-0")], (
        "and nobody else is blamed"
    )
