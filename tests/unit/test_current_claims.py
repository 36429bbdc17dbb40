"""Tests what the parent makes of a renewal's answer.

It is a verdict about one claim, which must not reach the next claim's child.
"""

from types import SimpleNamespace
from typing import Any

import pytest

from inference.store.messages import LeaseStatus, RenewAnswer
from worker.parent.current_claims import ActiveClaim, CurrentClaims
from worker.parent.lease_keeper import LeaseKeeper, Verdict, judge

LIMIT_MS = 1000


@pytest.mark.parametrize(
    ("answer", "verdict"),
    [
        (RenewAnswer(LeaseStatus.NOT_YET), Verdict.KEEP),
        (RenewAnswer(LeaseStatus.ENDED), Verdict.KEEP),
        (RenewAnswer(LeaseStatus.HELD, ("a",), begun_for_ms=LIMIT_MS), Verdict.KEEP),
        (RenewAnswer(LeaseStatus.HELD, ("a",), refused=True), Verdict.KEEP),
        (RenewAnswer(LeaseStatus.HELD, ("a",), begun_for_ms=LIMIT_MS + 1), Verdict.STOP_LIMIT),
        (RenewAnswer(LeaseStatus.LOST), Verdict.STOP_LOST),
    ],
)
def test_only_a_lost_claim_and_the_run_limit_stop_a_child(
    answer: RenewAnswer, verdict: Verdict
) -> None:
    assert judge(answer, LIMIT_MS) is verdict


def test_a_stop_that_comes_when_the_next_claim_is_in_the_child_spares_it() -> None:
    claims, killed = CurrentClaims(), list[int]()
    claims.open("first")
    claims.accept("first", 7)
    claims.close("first")
    claims.open("second")
    claims.accept("second", 7)
    assert not claims.stop("first", killed.append)
    assert claims.stop("second", killed.append)
    assert killed == [7]


def test_a_claim_that_the_child_has_not_taken_yet_is_not_stopped() -> None:
    claims, killed = CurrentClaims(), list[int]()
    claims.open("first")
    assert not claims.stop("first", killed.append)
    assert killed == []


class _Store:
    """Answers a renewal as it is told to."""

    def __init__(self, kind: LeaseStatus) -> None:
        self.kind = kind

    def renew(self, *_: object) -> RenewAnswer:
        return RenewAnswer(self.kind)


@pytest.mark.parametrize(
    ("kind", "lease_s", "over"),
    [
        (LeaseStatus.ENDED, 10.0, True),
        (LeaseStatus.NOT_YET, 10.0, False),
        (LeaseStatus.NOT_YET, 0.0, True),
        (LeaseStatus.HELD, 0.0, False),
    ],
)
def test_a_claim_that_celery_forgot_is_closed_when_the_store_says_that_it_ended(
    kind: LeaseStatus, lease_s: float, over: bool
) -> None:
    claims, closed = CurrentClaims(), list[str]()
    settings: Any = SimpleNamespace(
        model="m", run_limit_ms=LIMIT_MS, run_limit_s=1, lease_s=lease_s
    )
    store: Any = _Store(kind)
    reports: Any = None
    keeper = LeaseKeeper(settings, store, claims, reports, closed.append)
    claims.open("first")
    keeper.renew()
    assert closed == [], "Celery will tell of its end"
    claims.forget_unaccepted(7)
    keeper.renew()
    assert closed == (["first"] if over else [])


def test_a_claim_that_the_child_has_taken_is_not_forgotten() -> None:
    claims = CurrentClaims()
    claims.open("first")
    claims.accept("first", 7)
    claims.forget_unaccepted(7)
    assert claims.current == ActiveClaim("first", 7)


def test_a_ticket_that_comes_while_the_child_is_busy_leaves_the_running_claim_its_lease() -> None:
    claims = CurrentClaims()
    claims.open("first")
    claims.accept("first", 7)
    claims.open("second")
    assert claims.current == ActiveClaim("first", 7)
    claims.close("first")
    assert claims.current == ActiveClaim("second")
    claims.accept("second", 7)
    claims.close("second")
    assert claims.current is None


def test_what_waits_behind_a_claim_is_dropped_with_the_broker() -> None:
    claims = CurrentClaims()
    claims.open("first")
    claims.accept("first", 7)
    claims.open("second")
    claims.forget_unaccepted(7)
    claims.close("first")
    assert claims.current is None
