"""The protocol's most important promises about claims, runs and what they cost, a sentence each."""

from inference.records import BadRun
from inference.states import State
from inference.store import messages
from inference.store.messages import ClaimStatus, LeaseStatus, Outcome, OutcomeKind
from inference.trace_context import TraceContext
from tests.contract.acting import ERROR, MODEL, Cast

TRACE = TraceContext("ab" * 16, "cd" * 8, 1, "vendor=1")


def test_a_claim_sent_again_gets_the_same_records(cast: Cast) -> None:
    first = cast.submit()
    assert cast.claimed("c1") == [first]
    cast.submit()
    assert cast.claimed("c1") == [first]


def test_a_claim_that_got_nothing_gets_nothing_when_sent_again(cast: Cast) -> None:
    assert cast.claim("c1").kind is ClaimStatus.NOTHING
    cast.submit()
    assert cast.claim("c1").kind is ClaimStatus.NOTHING


def test_a_claim_that_arrives_after_its_parent_closed_it_gets_nothing(cast: Cast) -> None:
    task_id = cast.submit()
    assert cast.settle("c1", OutcomeKind.HAND_BACK) == {}
    assert cast.claim("c1").kind is ClaimStatus.NOTHING
    assert cast.read(task_id).state is State.WAITING


def test_a_claim_that_was_told_to_wait_gets_nothing_once_it_is_closed(cast: Cast) -> None:
    cast.submit()
    assert cast.claim("c1", wait_ms=500).kind is ClaimStatus.WAIT
    cast.settle("c1", OutcomeKind.FAIL)
    assert cast.claim("c1").kind is ClaimStatus.NOTHING


def test_a_second_finish_gets_the_first_answer(cast: Cast) -> None:
    task_id = cast.submit()
    cast.run("c1")
    assert cast.settle("c1", OutcomeKind.FINISH) == {task_id: "success"}
    assert cast.settle("c1", OutcomeKind.FAIL_FOR_GOOD) == {task_id: "success"}
    assert cast.read(task_id).result == [2]


def test_another_claim_cannot_write(cast: Cast) -> None:
    task_id = cast.submit()
    cast.run("c1")
    assert cast.settle("c2", OutcomeKind.FINISH, task_id) == {task_id: "void"}
    assert cast.worker.begin(MODEL, "c2", [task_id]) == ()


def test_a_finish_after_the_lease_ran_out_succeeds_until_somebody_took_over(cast: Cast) -> None:
    task_id = cast.submit()
    cast.run("c1")
    cast.pass_ms(cast.store.limits.lease_ms + 1)
    assert cast.settle("c1", OutcomeKind.FINISH) == {task_id: "success"}


def test_a_batch_that_fails_is_quarantined_and_nobody_is_charged(cast: Cast) -> None:
    ids = [cast.submit(), cast.submit()]
    cast.run("c1")
    assert cast.settle("c1", OutcomeKind.FAIL_FOR_GOOD) == dict.fromkeys(ids, "waiting")
    records = cast.store.picture(MODEL).records
    assert [(records[i].quarantined, cast.read(i).attempts) for i in ids] == [(True, 0)] * 2


def test_a_quarantined_record_runs_alone_and_then_pays_for_itself(cast: Cast) -> None:
    ids = [cast.submit(), cast.submit()]
    cast.run("c1")
    cast.settle("c1", OutcomeKind.FAIL)
    cast.submit()
    assert cast.run("c2") == ids[:1]
    assert cast.settle("c2", OutcomeKind.FAIL) == {ids[0]: "retry"}
    assert cast.read(ids[0]).attempts == 1


def test_a_claim_stops_before_the_first_quarantined_record(cast: Cast) -> None:
    cast.submit(), cast.submit()
    cast.run("c1")
    cast.settle("c1", OutcomeKind.FAIL)
    urgent = cast.submit(head_start_ms=10_000)
    assert cast.claimed("c2") == [urgent]


def test_alone_means_how_many_the_claim_named_and_not_who_is_left(cast: Cast) -> None:
    left, gone = cast.submit(), cast.submit()
    cast.run("c1")
    cast.tell("cancel", gone)
    assert cast.settle("c1", OutcomeKind.FAIL, left) == {left: "waiting"}
    assert cast.read(left).attempts == 0


def test_a_record_that_never_began_is_not_charged(cast: Cast) -> None:
    task_id = cast.submit()
    assert cast.claimed("c1") == [task_id]
    assert cast.settle("c1", OutcomeKind.FAIL_FOR_GOOD) == {task_id: "waiting"}
    assert cast.read(task_id).attempts == 0


def test_a_temporary_failure_of_its_own_is_charged_among_others_too(cast: Cast) -> None:
    own, mate = cast.submit(), cast.submit()
    cast.run("c1")
    assert cast.settle("c1", OutcomeKind.FAIL, own, own=True) == {own: "retry"}
    assert cast.settle("c1", OutcomeKind.FINISH, mate) == {mate: "success"}


def test_a_record_that_always_fails_is_a_dead_letter_after_its_last_attempt(cast: Cast) -> None:
    task_id = cast.submit()
    words: list[str] = []
    for attempt in range(cast.store.limits.max_attempts):
        cast.run(f"c{attempt}")
        words += cast.settle(f"c{attempt}", OutcomeKind.FAIL).values()
        cast.pass_seconds(cast.store.limits.retry_cap_ms // 1_000 + 1)
    assert words == ["retry"] * (cast.store.limits.max_attempts - 1) + ["failure"]
    assert cast.read(task_id).error == {"type": "broken"}


def test_a_batch_waits_for_more_until_its_oldest_has_waited_long_enough(cast: Cast) -> None:
    cast.submit()
    answer = cast.claim("c1", wait_ms=1_000)
    assert answer.kind is ClaimStatus.WAIT
    assert 0 < answer.wait_ms <= 1_000
    cast.pass_ms(answer.wait_ms)
    assert cast.claim("c1", wait_ms=1_000).kind is ClaimStatus.GRANTED


def test_a_batch_that_is_full_does_not_wait(cast: Cast) -> None:
    ids = [cast.submit(rows=4), cast.submit(rows=4)]
    cast.submit()
    assert [record.task_id for record in cast.claim("c1", rows=8, wait_ms=60_000).records] == ids


def test_a_record_larger_than_a_batch_is_claimed_alone(cast: Cast) -> None:
    large = cast.submit(rows=20)
    cast.submit()
    assert cast.claimed("c1", rows=8) == [large]


def test_the_oldest_comes_first_but_for_a_head_start(cast: Cast) -> None:
    first, second = cast.submit(), cast.submit()
    urgent = cast.submit(head_start_ms=5_000)
    assert cast.read(second).position == 2
    assert cast.claimed("c1") == [urgent, first, second]


def test_what_is_handed_back_keeps_its_place(cast: Cast) -> None:
    first, second = cast.submit(), cast.submit()
    assert cast.claimed("c1", rows=1) == [first]
    cast.settle("c1", OutcomeKind.HAND_BACK)
    assert cast.claimed("c2") == [first, second]


def test_a_renewal_tells_held_from_ended_and_from_lost(cast: Cast) -> None:
    task_id = cast.submit()
    assert cast.worker.renew(MODEL, "c1", 1_000).kind is LeaseStatus.NOT_YET
    cast.run("c1")
    assert cast.worker.renew(MODEL, "c1", 1_000).held == (task_id,)
    cast.settle("c1", OutcomeKind.HAND_BACK)
    assert cast.worker.renew(MODEL, "c1", 1_000).kind is LeaseStatus.ENDED
    cast.run("c2")
    cast.tell("cancel", task_id)
    assert cast.worker.renew(MODEL, "c2", 1_000).kind is LeaseStatus.LOST


def test_a_claim_that_wrote_in_vain_is_over_and_not_lost(cast: Cast) -> None:
    task_id = cast.submit()
    cast.run("c1")
    cast.tell("cancel", task_id)
    assert cast.worker.renew(MODEL, "c1", 1_000).kind is LeaseStatus.LOST
    assert cast.settle("c1", OutcomeKind.FINISH) == {task_id: "void"}
    assert cast.worker.renew(MODEL, "c1", 1_000).kind is LeaseStatus.ENDED


def test_a_renewal_past_the_run_limit_is_refused_and_the_claim_is_reclaimed(cast: Cast) -> None:
    task_id = cast.submit()
    cast.pass_seconds(6)
    cast.run("c1")
    for _ in range(8):
        cast.worker.renew(MODEL, "c1", 2_000)
        cast.pass_seconds(1)
    assert cast.read(task_id).attempts == 1
    assert cast.worker.renew(MODEL, "c1", 2_000).kind is LeaseStatus.LOST


def test_a_claim_says_whose_its_records_are_and_how_long_each_waited(cast: Cast) -> None:
    cast.submit(trace=TRACE, request_id="r-1")
    cast.pass_ms(2_000)
    cast.submit()
    first, second = cast.claim("c1").records
    assert (first.trace, first.request_id, first.attempts) == (TRACE, "r-1", 0)
    assert (second.trace, second.request_id) == (None, "")
    assert 2_000 <= first.waited_ms < 3_000 > second.waited_ms + 1_900


def test_who_ends_a_run_badly_hears_whose_it_was(cast: Cast) -> None:
    task_id = cast.submit(trace=TRACE, request_id="r-1")
    cast.run("c1")
    failed = Outcome(messages.ALL, OutcomeKind.FAIL, ERROR)
    (run,) = cast.worker.settle(MODEL, "c1", [failed], "v1").bad_runs
    assert run == BadRun(task_id, State.RETRY, run.began_ms, 1, "w", run.due_in_ms, TRACE, "r-1")
    assert run.began_ms > 0
    assert cast.worker.settle(MODEL, "c1", [failed], "v1").bad_runs == (), "sent again"


def test_the_reaper_hears_whose_the_runs_were_that_it_reclaims(cast: Cast) -> None:
    task_id = cast.submit(trace=TRACE)
    cast.tell("reap", MODEL)
    cast.run("c1")
    lease = cast.store.limits.lease_ms
    told: list[BadRun] = []
    for _ in range(3 * lease // 1_000):
        cast.pass_ms(1_000)
        told += cast.tell("reap", MODEL).bad_runs
    assert [(run.task_id, run.state, run.trace) for run in told] == [(task_id, State.RETRY, TRACE)]


def test_a_replayed_or_retried_record_waits_anew(cast: Cast) -> None:
    task_id = cast.submit()
    cast.run("c1")
    cast.settle("c1", OutcomeKind.FAIL_FOR_GOOD)
    cast.pass_ms(60_000)
    cast.tell("replay", task_id, 1)
    (record,) = cast.claim("c2").records
    assert record.waited_ms < 1_000


def test_a_submission_that_joins_hears_of_the_records_trace(cast: Cast) -> None:
    cast.submit(join_key="k", trace=TRACE)
    assert cast.answer(join_key="k").trace == TRACE
    assert cast.answer(join_key="other", trace=TRACE).trace is None
