"""Hypothesis looks for a way to make the store break the protocol.

The same sixty lives every time, so that a failure is the change's; `MACHINE_LIVES=2000` looks at
that many others.
"""

import os
from functools import partial

from hypothesis import HealthCheck, Phase, settings

from tests.contract.conftest import empty
from tests.contract.fault_rules import FaultRules
from tests.contract.lives import live
from tests.contract.redis_store import RedisUnderTest
from tests.contract.stores import StoreUnderTest

LIVES = int(os.environ.get("MACHINE_LIVES", "0"))


def test_no_order_of_moves_breaks_the_protocol(store: StoreUnderTest) -> None:
    live(partial(FaultRules, store), settled(LIVES or 60))


def test_nor_by_tls_as_the_user_of_least_rights(secure_store: RedisUnderTest) -> None:
    """Few lives: with CONTRACT_STORE=secure all tests that name no store run there."""
    live(partial(FaultRules, empty(secure_store)), settled(LIVES or 10))


def settled(lives: int) -> settings:
    return settings(
        max_examples=lives,
        derandomize=not LIVES,
        database=None,
        stateful_step_count=40,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )


def test_a_record_that_dies_in_the_reapers_own_step_drives_out_the_oldest_dead_letter(
    store: StoreUnderTest,
) -> None:
    life = FaultRules(store)
    life.start(seed=1)
    for _ in range(2):
        life.submit(poison=False, rows=1, number=1, waits=False)
        life.fails_for_good(times=1)
    life.submit(poison=False, rows=1, number=1, waits=False)
    for worker in range(store.limits.max_attempts):
        life.worker_dies_in_a_run(pause=False, worker=worker)
        life.pass_seconds(6)
    assert list(life.stage.seen.dead) == life.ids[1:]
    life.teardown()


def test_a_submission_that_arrives_when_its_record_was_forgotten_makes_another_record(
    store: StoreUnderTest,
) -> None:
    life = FaultRules(store)
    life.start(seed=1)
    life.submit(poison=False, rows=1, number=1, waits=False)
    submitted = next(move for move, _ in life.stage.sent if move.name == "submit")
    life.work(worker=0)
    life.jump(200_000)
    for _ in range(3):
        life.stage.pass_seconds(1)
        life.jump(200_000)
    assert life.ids[0] not in life.stage.seen.records
    life.stage.make(submitted, 0)
    assert life.ids[0] in life.stage.seen.records
    life.teardown()
