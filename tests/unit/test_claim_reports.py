"""What the worker's parent reports of a claim whose child can't tell any more."""

import threading
from typing import Any

from inference.store.messages import Outcome, OutcomeKind, SettleAnswer
from worker import metrics
from worker.parent.claim_reports import ClaimReports
from worker.settings import WorkerSettings


class Store:
    """Answers a settle with these words."""

    def settle(self, *_: Any) -> SettleAnswer:
        words = {"a": "failure", "b": "retry", "c": "success", "d": "void"}
        return SettleAnswer(words, tickets=0)


class Tickets:
    def publish_missing(self, count: int) -> None:
        assert count == 0


def counted(state: str) -> float:
    """What the counter of this process stands at."""
    (family,) = metrics.ENDED.labels("match-outcome", state).collect()
    return sum(sample.value for sample in family.samples if sample.name.endswith("_total"))


def test_failures_that_the_parent_reports_are_counted_and_what_the_child_wrote_is_not_again() -> (
    None
):
    store: Any = Store()
    tickets: Any = Tickets()
    reports = ClaimReports(WorkerSettings(), store, tickets, lambda: "1", threading.Event())
    before = {state: counted(state) for state in ("failure", "retry", "success", "void")}
    reports.settle("claim", Outcome("*", OutcomeKind.FAIL, b"{}"), "timeout")
    now = {state: counted(state) - value for state, value in before.items()}
    assert now == {"failure": 1, "retry": 1, "success": 0, "void": 0}
