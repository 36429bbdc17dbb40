"""Hypothesis looks for a way to make the store break the protocol.

The same lives every time, so that a failure is the change's; `MACHINE_LIVES=2000` looks at that many others.
"""

import os
from functools import partial
from typing import Any, cast

from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.contract.accidents import Accidents
from tests.contract.stores import StoreUnderTest

LIVES = int(os.environ.get("MACHINE_LIVES", "0"))


def test_no_order_of_moves_breaks_the_protocol(store: StoreUnderTest) -> None:
    settled = settings(
        max_examples=LIVES or 300,
        derandomize=not LIVES,
        database=None,
        stateful_step_count=40,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(cast(Any, partial(Accidents, store)), settings=settled)
