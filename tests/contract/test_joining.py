"""Which record a request joins, and what the join does to it (protocol rules 9 and 13)."""

import pytest

from inference.states import State
from inference.store.messages import OutcomeKind, Submitted
from tests.contract.acting import MODEL, Cast


@pytest.mark.parametrize(
    ("held_ms", "joiner_ms", "joins"),
    [(0, 0, True), (0, 500, True), (500, 0, False), (500, 5_000, False), (5_000, 500, True)],
    ids=[
        "neither may expire",
        "only the joiner may",
        "only the record may",
        "the record sooner",
        "the joiner sooner",
    ],
)
def test_a_request_joins_only_what_may_not_expire_sooner_than_it(
    cast: Cast, held_ms: int, joiner_ms: int, joins: bool
) -> None:
    held = cast.submit(join_key="j", time_to_start_ms=held_ms)
    answer = cast.answer(join_key="j", time_to_start_ms=joiner_ms)
    assert (answer.task_id == held) is joins


def test_times_to_start_are_compared_as_moments(cast: Cast) -> None:
    held = cast.submit(join_key="j", time_to_start_ms=60_000)
    cast.pass_ms(10_000)
    later = cast.submit(join_key="j", time_to_start_ms=60_000)
    assert cast.read(later).state is State.WAITING, "it made a record of its own"
    assert cast.answer(join_key="j", time_to_start_ms=40_000).task_id == later, (
        "the better one holds the key"
    )
    cast.pass_ms(55_000)
    assert cast.reap().expired == 1
    assert cast.read(held).state is State.EXPIRED
    assert cast.answer(join_key="j", time_to_start_ms=10).task_id == later, (
        "its end left the key alone"
    )


def test_what_has_begun_once_is_joined_whatever_its_time_to_start(cast: Cast) -> None:
    held = cast.submit(join_key="j", time_to_start_ms=500)
    cast.claimed("c1")
    own = cast.submit(join_key="k", time_to_start_ms=500)
    assert cast.answer(join_key="j").kind is Submitted.ACCEPTED, (
        "claimed is not begun: it may come back and expire"
    )
    cast.run("c2")
    cast.settle("c2", OutcomeKind.FAIL, own, own=True)
    assert cast.read(own).state is State.RETRY
    assert cast.answer(join_key="k").task_id == own
    assert cast.read(held).state is State.RUNNING


def test_an_idempotency_key_that_could_not_join_stands_for_a_record_of_its_own(cast: Cast) -> None:
    held = cast.submit(join_key="j", time_to_start_ms=500)
    own = cast.submit(join_key="j", idempotency_key="k")
    cast.pass_ms(600)
    assert cast.reap().expired == 1
    assert cast.read(held).state is State.EXPIRED
    again = cast.answer(join_key="j", idempotency_key="k")
    assert (again.kind, again.task_id, again.state) == (Submitted.JOINED, own, State.WAITING)


def test_a_join_moves_a_waiting_record_up_to_the_joiners_place_and_never_back(cast: Cast) -> None:
    first, held = cast.submit(), cast.submit(join_key="j")
    assert cast.answer(join_key="j").task_id == held
    assert cast.read(held).position == 1
    assert cast.answer(join_key="j", head_start_ms=5_000).task_id == held
    assert cast.read(held).position == 0
    cast.answer(join_key="j")
    assert cast.claimed("c1", rows=1) == [held]
    assert cast.claimed("c2", rows=1) == [first]


def test_a_record_that_was_joined_while_it_ran_waits_again_in_the_joiners_place(cast: Cast) -> None:
    held = cast.submit(join_key="j")
    cast.run("c1")
    urgent = cast.submit(head_start_ms=5_000)
    assert cast.answer(join_key="j", head_start_ms=9_000).task_id == held
    cast.settle("c1", OutcomeKind.HAND_BACK)
    assert cast.claimed("c2", rows=1) == [held]
    assert cast.claimed("c3", rows=1) == [urgent]


def test_a_record_that_has_ended_keeps_its_place(cast: Cast) -> None:
    held = cast.submit(join_key="j")
    cast.run("c1")
    cast.settle("c1", OutcomeKind.FINISH)
    before = cast.store.picture(MODEL).records[held].order
    assert cast.answer(join_key="j", join_version="v1", head_start_ms=5_000).task_id == held
    assert cast.store.picture(MODEL).records[held].order == before
