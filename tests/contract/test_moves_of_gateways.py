"""The protocol's most important promises about the moves of gateways, a sentence each.

They are about submissions, waiting, reapers, tickets and the operator.
"""

import pytest

from inference.states import State
from inference.store.messages import HeartbeatRequest, OutcomeKind, Replayed, Submitted, WorkerState
from tests.contract.acting import MODEL, Cast

CHANNEL = "contract:gateway:a"
"""A gateway's, by the name that a user of few rights may use."""


def test_a_submission_sent_again_is_the_same_record(cast: Cast) -> None:
    task_id = cast.submit()
    assert cast.answer(task_id=task_id).kind is Submitted.ACCEPTED
    assert cast.tell("counts", MODEL).outstanding == 1


def test_an_idempotency_key_stands_for_its_first_record(cast: Cast) -> None:
    task_id = cast.submit(idempotency_key="k", body_digest="x")
    again = cast.answer(idempotency_key="k", body_digest="x")
    assert (again.kind, again.task_id) == (Submitted.JOINED, task_id)


def test_an_idempotency_key_with_another_body_is_a_conflict(cast: Cast) -> None:
    task_id = cast.submit(idempotency_key="k", body_digest="x")
    other = cast.answer(idempotency_key="k", body_digest="y")
    assert (other.kind, other.task_id) == (Submitted.CONFLICT, task_id)


def test_a_request_joins_the_one_that_is_outstanding(cast: Cast) -> None:
    task_id = cast.submit(join_key="j")
    assert cast.answer(join_key="j").task_id == task_id
    cast.tell("cancel", task_id)
    assert cast.answer(join_key="j").kind is Submitted.ACCEPTED


def test_a_request_joins_a_success_of_the_same_version_only(cast: Cast) -> None:
    task_id = cast.submit(join_key="j")
    cast.run("c1")
    cast.settle("c1", OutcomeKind.FINISH)
    assert cast.answer(join_key="j", join_version="v1").task_id == task_id
    assert cast.answer(join_key="j", join_version="v2").kind is Submitted.ACCEPTED


def test_a_fresh_request_does_not_join_but_is_joined_from_then_on(cast: Cast) -> None:
    cast.submit(join_key="j")
    fresh = cast.submit(join_key="j", fresh=True)
    assert cast.answer(join_key="j").task_id == fresh


def test_what_did_not_start_in_time_expires_and_is_not_claimed(cast: Cast) -> None:
    task_id = cast.submit(time_to_start_ms=500)
    cast.pass_ms(600)
    assert cast.claimed("c1") == []
    assert cast.reap().expired == 1
    assert cast.read(task_id).state is State.EXPIRED


def test_a_claim_that_finds_only_what_is_past_its_time_asks_for_no_ticket(cast: Cast) -> None:
    cast.submit(time_to_start_ms=500)
    cast.pass_ms(600)
    assert cast.claim("c1").tickets == 0
    assert cast.claim("c1").tickets == 0


def test_what_has_begun_once_does_not_expire(cast: Cast) -> None:
    task_id = cast.submit(time_to_start_ms=500)
    cast.run("c1")
    cast.settle("c1", OutcomeKind.HAND_BACK)
    cast.pass_ms(600)
    assert cast.reap().expired == 0
    assert cast.claimed("c2") == [task_id]


def test_what_waits_is_told_when_it_should_be_claimed_by_the_rate_measured_while_a_worker_lives(
    cast: Cast,
) -> None:
    ids = [cast.submit() for _ in range(6)]
    cast.beat("w", WorkerState.BUSY)
    cast.reap()
    assert cast.read(ids[5]).starts_in_ms is None, "nobody has measured a rate"
    cast.run("c1", rows=2)
    cast.settle("c1", OutcomeKind.FINISH)
    cast.pass_ms(1_000)
    cast.beat("w", WorkerState.BUSY)
    cast.reap()
    first, last = cast.read(ids[2]), cast.read(ids[5])
    assert first.starts_in_ms is not None
    assert first.starts_in_ms >= 500, "two ended in a second and a little"
    assert last.starts_in_ms == pytest.approx(4 * first.starts_in_ms, abs=4), (
        "three stand before it"
    )
    cast.pass_ms(5_001)
    assert cast.read(ids[5]).starts_in_ms is None, "no worker lives"


def test_a_result_is_gone_after_its_time_and_later_nobody_knows_it(cast: Cast) -> None:
    task_id = cast.submit(idempotency_key="k")
    cast.run("c1")
    cast.settle("c1", OutcomeKind.FINISH)
    cast.pass_ms(cast.store.limits.result_ttl_ms)
    assert cast.reap().results_expired == 1
    assert cast.read(task_id).state is State.FORGOTTEN
    assert cast.answer(idempotency_key="k").task_id == task_id
    cast.pass_ms(cast.store.limits.tombstone_ttl_ms)
    cast.reap()
    assert cast.tell("watch", task_id, "") is None
    assert cast.answer(idempotency_key="k").kind is Submitted.ACCEPTED


def test_a_cancelled_record_is_final_at_once_and_its_claim_writes_nothing(cast: Cast) -> None:
    task_id = cast.submit()
    cast.run("c1")
    assert cast.tell("cancel", task_id).done
    assert cast.settle("c1", OutcomeKind.FINISH) == {task_id: "void"}
    assert cast.tell("cancel", task_id).done


def test_a_replay_names_its_epoch_and_opens_one_however_often_it_arrives(cast: Cast) -> None:
    task_id = cast.submit()
    for claim_id, epoch in (("c1", 1), ("c2", 2)):
        cast.run(claim_id)
        cast.settle(claim_id, OutcomeKind.FAIL_FOR_GOOD)
        assert cast.tell("replay", task_id, 1).epoch == 2
        assert cast.read(task_id).epoch == 2
        assert cast.read(task_id).state is (State.WAITING if epoch == 1 else State.FAILURE)
    assert cast.tell("replay", task_id, 2).epoch == 3
    assert cast.tell("replay", task_id, 1) == Replayed(0, 0)


def test_a_dead_letter_is_discarded_once(cast: Cast) -> None:
    task_id = cast.submit()
    assert not cast.tell("discard_dead_letter", task_id)
    cast.run("c1")
    cast.settle("c1", OutcomeKind.FAIL_FOR_GOOD)
    assert cast.tell("discard_dead_letter", task_id)
    assert cast.tell("discard_dead_letter", task_id)
    assert cast.read(task_id).state is State.FORGOTTEN


def test_one_reaper_runs_at_a_time(cast: Cast) -> None:
    assert [cast.reap().ran, cast.reap().ran] == [True, False]


def test_what_a_lost_worker_held_is_reclaimed_when_its_lease_ran_out(cast: Cast) -> None:
    cast.pass_seconds(6)
    task_id = cast.submit()
    cast.run("c1")
    assert sum(answer.reclaimed for answer in cast.pass_seconds(6)) == 1
    assert cast.read(task_id).attempts == 1
    assert cast.read(task_id).error == {
        "type": "worker_lost",
        "message": "the worker that ran it stopped answering",
    }


@pytest.mark.parametrize(
    "jump_ms", [12_000, -12_000], ids=["the store stood still", "the clock stepped back"]
)
def test_nothing_is_reclaimed_for_a_lease_after(cast: Cast, jump_ms: int) -> None:
    cast.pass_seconds(6)
    task_id = cast.submit()
    cast.run("c1")
    cast.pass_ms(jump_ms)
    assert cast.reap().quiet
    seconds = cast.store.limits.lease_ms // 1_000
    assert sum(answer.reclaimed for answer in cast.pass_seconds(seconds - 1)) == 0
    assert cast.worker.begin(MODEL, "c1", [task_id]) == (task_id,)
    assert sum(answer.reclaimed for answer in cast.pass_seconds(2)) == 1


def test_a_clock_that_stepped_back_puts_nothing_before_what_waits(cast: Cast) -> None:
    cast.pass_seconds(6)
    first = cast.submit()
    cast.reap()
    cast.pass_seconds(1)
    cast.pass_ms(-3_600_000)
    cast.reap()
    second = cast.submit()
    assert cast.claimed("c1") == [first, second]


def test_outstanding_is_corrected_record_by_record_and_the_drift_is_counted(cast: Cast) -> None:
    kept, ended = cast.submit(), cast.submit()
    cast.tell("cancel", ended)
    cast.store.forge(MODEL, kept, outstanding=False)
    cast.store.forge(MODEL, ended, outstanding=True)
    assert cast.reap().drift == 2
    counts = cast.tell("counts", MODEL)
    assert (counts.outstanding, counts.drift) == (1, 2)


def test_idle_workers_repair_a_lost_ticket_in_two_beats_and_then_back_off(cast: Cast) -> None:
    cast.submit()
    cast.beat("other", WorkerState.IDLE)
    repairs = []
    for _ in range(8):
        repairs.append(cast.beat("w", WorkerState.IDLE).repair)
        cast.pass_ms(1_000)
    assert repairs == [0, 2, 2, 0, 2, 0, 0, 0]


def test_a_newly_idle_worker_and_a_claim_end_the_back_off(cast: Cast) -> None:
    cast.submit(), cast.submit()
    assert [cast.beat("w", WorkerState.IDLE).repair for _ in range(3)] == [0, 1, 0]
    cast.beat("new", WorkerState.IDLE)
    assert cast.beat("w", WorkerState.IDLE).repair == 2
    cast.claimed("c1", rows=1)
    assert cast.beat("w", WorkerState.IDLE).repair == 2


def test_tickets_cover_what_waits_a_batch_each_and_a_quarantined_record_one_to_itself(
    cast: Cast,
) -> None:
    cast.beat("w", WorkerState.IDLE, rows=2)
    assert cast.answer().tickets == 1
    assert cast.worker.tickets_published(MODEL, 1) == 0
    assert cast.answer().tickets == 0
    assert cast.answer().tickets == 1
    cast.run("c1", rows=2)
    cast.settle("c1", OutcomeKind.FAIL)
    assert cast.worker.tickets_published(MODEL, 0) == 3


def test_listeners_are_told_id_sequence_and_state(cast: Cast) -> None:
    ear = cast.store.subscription(CHANNEL)
    ear.confirm()
    task_id = cast.submit()
    assert cast.tell("watch", task_id, CHANNEL).sequence == 1
    cast.run("c1")
    cast.settle("c1", OutcomeKind.FINISH)
    assert ear.heard() == [(task_id, 2, "running"), (task_id, 3, "success")]
    ear.drop()


def test_whoever_waits_for_a_joined_record_is_told_too(cast: Cast) -> None:
    ear = cast.store.subscription(CHANNEL)
    ear.confirm()
    task_id = cast.submit(join_key="j")
    cast.answer(join_key="j", listener=CHANNEL)
    cast.tell("cancel", task_id)
    assert ear.heard() == [(task_id, 2, "cancelled")]
    ear.drop()


def test_live_workers_are_listed_and_silent_ones_are_dropped(cast: Cast) -> None:
    cast.beat("w", WorkerState.LOADING)
    cast.beat("gone", WorkerState.IDLE)
    cast.beat("gone", WorkerState.GONE)
    assert [(w.worker_id, w.state) for w in cast.tell("workers", MODEL)] == [
        ("w", WorkerState.LOADING)
    ]
    cast.pass_ms(5_100)
    cast.reap()
    assert cast.tell("workers", MODEL) == ()


def test_what_is_submitted_comes_back_to_the_last_digit_and_byte(cast: Cast) -> None:
    task_id = cast.submit(entity_key=2**53 + 1, input=b"\xff\x00\n[1]")
    assert cast.read(task_id).entity_key == 2**53 + 1
    (record,) = cast.claim("c1").records
    assert record.input == b"\xff\x00\n[1]"


def test_a_worker_s_problem_may_be_any_text(cast: Cast) -> None:
    problem = 'a "quoted" \\ line\nand a second one, \u2028\x00 …'
    cast.worker.heartbeat(HeartbeatRequest(MODEL, "w", WorkerState.IDLE, "v1", 8, problem=problem))
    assert [worker.problem for worker in cast.tell("workers", MODEL)] == [problem]
