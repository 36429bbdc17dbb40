"""Tests when a parent counts as stuck.

It does only when its loop stood still although the broker answered all the time.
"""

import threading
from collections.abc import Callable

from testkit.waiting import until
from worker.celery_edge.consumer import RECONNECT_PAUSE_S
from worker.parent.liveness import Liveness
from worker.settings import WorkerSettings


class Broker:
    """Answers as it is told, and counts the questions."""

    def __init__(self, answers: bool) -> None:
        self.answers = answers
        self.asked = 0

    def __call__(self) -> bool:
        self.asked += 1
        return self.answers


def looked(liveness: Liveness, broker: Broker, done: Callable[[], bool]) -> None:
    """Looks until it is done."""

    def look() -> bool:
        liveness.look()
        return done()

    until(look, "the looks to come to an end")
    assert broker.asked


def test_a_loop_that_stands_still_while_the_broker_is_away_is_alive() -> None:
    broker = Broker(answers=False)
    liveness = Liveness(broker, stuck_after_s=0.01, still_s=0)
    looked(liveness, broker, lambda: broker.asked > 5)
    assert not liveness.turning
    assert liveness.alive


def test_a_loop_that_stands_still_while_the_broker_answers_is_stuck_until_it_turns() -> None:
    broker = Broker(answers=True)
    liveness = Liveness(broker, stuck_after_s=0.05, still_s=0.05)
    looked(liveness, broker, lambda: not liveness.alive)
    liveness.turned()
    assert liveness.alive


def test_a_broker_that_was_away_in_between_begins_the_time_anew() -> None:
    broker = Broker(answers=True)
    liveness = Liveness(broker, stuck_after_s=0.05, still_s=0)
    looked(liveness, broker, lambda: not liveness.alive)
    broker.answers = False
    liveness.look()
    broker.answers = True
    liveness.look()
    assert liveness.alive


def test_a_broker_that_does_not_answer_at_all_is_no_sign_of_a_stuck_loop() -> None:
    """Neither a socket nor a name may ever answer: then there is no evidence, and no verdict."""
    asked, hangs = threading.Event(), threading.Event()

    def hang() -> bool:
        asked.set()
        return hangs.wait(60)

    liveness = Liveness(hang, stuck_after_s=0.01, still_s=0)
    liveness.start()
    assert asked.wait(30)
    assert liveness.alive
    hangs.set()


def test_a_loop_has_time_to_connect_again_before_it_counts_as_stuck() -> None:
    assert WorkerSettings.model_fields["stuck_after_s"].default > 3 * RECONNECT_PAUSE_S
