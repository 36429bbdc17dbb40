"""A purge, step by step: protocol rule 16."""

from inference.states import State
from inference.store.messages import OutcomeKind
from inference.store.purged import Purged
from tests.contract.acting import MODEL, Cast


def test_a_purge_ends_what_waits_and_what_is_due_again_and_leaves_what_runs(cast: Cast) -> None:
    again = cast.submit()
    cast.run("c1")
    cast.settle("c1", OutcomeKind.FAIL)
    runs = cast.submit()
    cast.run("c2")
    waits = cast.submit()
    asked = cast.tell("purge", MODEL, 0)
    assert (asked.purged, asked.more) == (0, True)
    told = cast.tell("purge", MODEL, asked.before_ms)
    assert told == Purged(asked.before_ms, 2, False)
    states = [cast.read(task_id).state for task_id in (again, runs, waits)]
    assert states == [State.CANCELLED, State.RUNNING, State.CANCELLED]
    assert cast.read(waits).error == {"type": "purged", "message": "an operator purged the queue"}


def test_a_purge_that_arrives_late_leaves_alone_what_came_since(cast: Cast) -> None:
    early = cast.submit()
    asked = cast.tell("purge", MODEL, 0)
    cast.pass_ms(5)
    since = cast.submit()
    for _ in range(2):
        told = cast.tell("purge", MODEL, asked.before_ms)
    assert (told.purged, told.more) == (0, False)
    assert (cast.read(early).state, cast.read(since).state) == (State.CANCELLED, State.WAITING)
