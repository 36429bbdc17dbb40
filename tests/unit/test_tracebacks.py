"""Tests which places of an exception the log and a record tell."""

import orjson

from inference.store.messages import Outcome, OutcomeKind
from worker.child.tracebacks import MOST_CHARACTERS, MOST_LOGGED, last_places, whole, with_traceback


class Speechless(Exception):
    def __str__(self) -> str:
        raise AttributeError("no text")


def deep(count: int, error: Exception) -> None:
    if count == 0:
        raise error
    deep(count - 1, error)


def raised(count: int, error: Exception) -> Exception:
    try:
        deep(count, error)
    except Exception as raised_error:
        return raised_error
    raise AssertionError("nothing was raised")


def test_the_last_places_are_told_with_their_code() -> None:
    places = last_places(raised(500, ValueError("wrong")))
    assert len(places) == 5
    assert places[-1].startswith(f'File "{__file__}", line ')
    assert places[-1].endswith("in deep: raise error")
    assert max(map(len, places)) <= MOST_CHARACTERS
    assert len(last_places(raised(0, ValueError("wrong")))) == 2
    assert last_places(ValueError("never raised")) == []


def test_the_log_has_the_end_of_a_long_traceback_and_one_whose_text_fails() -> None:
    long = whole(raised(3, ValueError("x" * 2 * MOST_LOGGED + "the end")))
    assert (len(long), long.endswith("the end\n")) == (MOST_LOGGED, True)
    assert "in deep" in whole(raised(3, Speechless()))
    orjson.dumps(whole(raised(3, ValueError("half a pair: \ud800"))))


def test_a_record_has_them_where_the_model_is_to_blame() -> None:
    error = raised(1, ValueError("wrong"))
    for kind, told in (("model_error", True), ("device_error", True), ("invalid_input", False)):
        outcome = Outcome("id", OutcomeKind.FAIL, orjson.dumps({"type": kind, "message": "wrong"}))
        assert ("traceback" in orjson.loads(with_traceback(outcome, error).payload)) is told
