"""Tests what the parent makes of a renewal's answer.

It is a verdict about one claim, which must not reach the next claim's child.
"""

import pytest

from inference.store.messages import LeaseStatus, RenewAnswer
from worker.parent.current_claims import CurrentClaims
from worker.parent.lease_keeper import Verdict, judge

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
