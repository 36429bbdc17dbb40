"""The comparison with MLflow excuses what is stated, and nothing else."""

from collections.abc import Sequence
from typing import Any, cast

import pytest

from testkit.conformance import stated
from testkit.conformance.cases import Case, Input, inputs
from testkit.conformance.comparing import (
    AMONG,
    DIFFERENT,
    SAME,
    SAME_LATE,
    SAME_REFUSED,
    judged,
    verdicts_of,
)
from testkit.conformance.reference import ANSWER, NO_ROW, RAISED, REFUSED, UNSAID, Answer, Reference
from testkit.conformance.service import AGAIN, AT_THE_DOOR, BATCH, Service

NAN = float("nan")


def answer(value: Any) -> Answer:
    return Answer(ANSWER, value)


@pytest.mark.parametrize(
    ("theirs", "ours", "difference"),
    [
        ({"a": [1, "x", None]}, {"a": [1, "x", None]}, None),
        ([0.1, 2.0], [0.1 + 1e-9, 2.0], stated.FLOATS),
        ({"y": NAN, "t": "NaT"}, {"y": None, "t": None}, stated.NULL_ANSWER),
        ({"0": 1.5}, 1.5, stated.SERIES),
        ({"0": 1.5, "1": 2.5}, [1.5, 2.5], stated.NUMBERED),
        ("aGk=\n", "aGk=", stated.BYTES),
        ("2026-01-31T08:00:00.000000000", "2026-01-31T08:00:00", stated.DATES),
        ("2026-01-31T09:00:00.5+01:00", "2026-01-31T08:00:00.500Z", stated.DATES),
        (1769846400123456789, "2026-01-31T08:00:00.123456789", stated.NANOSECONDS),
        ("str 'tea'", "object 'tea'", stated.STRINGS),
    ],
)
def test_an_answer_that_is_equal_or_differs_as_is_stated_is_the_same(
    theirs: Any, ours: Any, difference: stated.Difference | None
) -> None:
    found = judged(Input("", {}), answer(theirs), answer(ours))
    assert found == (SAME, [difference] if difference else [])


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        (1, 2),
        (1, 1.0),
        (1, True),
        (0.1, 0.1001),
        (None, NAN),
        (1.5, None),
        ([1, 2], [1]),
        ({"a": 1}, {"a": 1, "b": None}),
        ({"a": 1, "b": 2}, [1, 2]),
        ("2026-01-31T08:00:00", "2026-01-31T09:00:00"),
        ("2026-01-31T08:00:00.123456789", "2026-01-31T08:00:00.123456"),
        ("a b", "ab"),
        (
            1769846400123456789,
            "2026-01-31T08:00:00.123456",
        ),
    ],
)
def test_any_other_answer_is_found(theirs: Any, ours: Any) -> None:
    assert judged(Input("", {}), answer(theirs), answer(ours))[0] == DIFFERENT


@pytest.mark.parametrize(
    ("value", "message", "difference"),
    [
        ("1.5", "must be a finite number", stated.STRICT),
        (True, "must be a finite number", stated.STRICT),
        (1.5, "must be an integer of 64 bits", stated.STRICT),
        (2**63, "must be an integer of 64 bits", stated.RANGE),
        (NAN, "must be a finite number", stated.NOT_FINITE),
        (None, "must be a string", stated.NULL),
        ([1], "must have 2 items, not 1", stated.SHAPES),
        ("a*b", "must be base64", stated.BASE64),
        ("31 Jan 2026", "must be a date and time in ISO 8601", stated.ISO),
        (1, "is none of the model's features", stated.UNKNOWN),
    ],
)
def test_what_the_gateway_alone_refuses_is_the_same_for_a_stated_reason(
    value: Any, message: str, difference: stated.Difference
) -> None:
    refused = Answer(AT_THE_DOOR, [["features.parts[0].x", message]])
    one = Input("", {"parts": [{"x": value}]})
    assert judged(one, answer(1), refused) == (SAME, [difference])


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (3.0, "must be an integer of 64 bits"),
        ("2026-01-31", "must be a date and time in ISO 8601"),
        ("tea", "is out of stock"),
    ],
)
def test_what_it_refuses_for_another_reason_is_found(value: Any, message: str) -> None:
    refused = Answer(AT_THE_DOOR, [["features.x", message]])
    assert judged(Input("", {"x": value}), answer(1), refused)[0] == DIFFERENT


@pytest.mark.parametrize(
    ("theirs", "ours", "word"),
    [
        (Answer(REFUSED), Answer(AT_THE_DOOR, []), SAME_REFUSED),
        (Answer(REFUSED), Answer("invalid_input"), SAME_LATE),
        (Answer(REFUSED), Answer("model_error", words=f"x{AGAIN}"), DIFFERENT),
        (Answer(RAISED), Answer("model_error", words=f"x{AGAIN}"), SAME_REFUSED),
        (Answer(UNSAID), Answer("model_error", words=f"x{AGAIN}"), DIFFERENT),
        (Answer(UNSAID), Answer("model_error"), SAME_REFUSED),
        (Answer(UNSAID), answer(1), SAME),
        (Answer(NO_ROW, "done"), Answer("model_error"), SAME_REFUSED),
        (Answer(NO_ROW, "done"), answer("d"), DIFFERENT),
        (Answer(REFUSED), answer(1), DIFFERENT),
        (Answer(RAISED), answer(1), DIFFERENT),
        (answer(1), Answer("model_error"), DIFFERENT),
        (answer(1), Answer("invalid_input"), DIFFERENT),
    ],
)
def test_what_one_side_does_not_answer(theirs: Answer, ours: Answer, word: str) -> None:
    assert judged(Input("", {"x": 1}), theirs, ours)[0] == word


@pytest.mark.parametrize(
    ("words", "value", "difference"),
    [
        ("only contains timezone-naive", "2026-01-31T08:00:00Z", stated.ZONES),
        ("Can not safely convert float64 to float32", 0.1, stated.EXACT),
        ("Expected type float, but got int", 3, stated.WHOLE),
        ("validate data against type hint", "2026-01-31T08:00:00", stated.DATES_INSIDE),
    ],
)
def test_what_mlflow_alone_refuses_is_the_same_for_a_stated_reason(
    words: str, value: Any, difference: stated.Difference
) -> None:
    found = judged(Input("", {"x": value}), Answer(REFUSED, words=words), answer(1))
    assert found == (SAME, [difference])


class Echo:
    """Stands for both sides; a batch is answered in an order of its own."""

    def __init__(self, step: int) -> None:
        self.step = step
        self.batches: list[int] = []

    def answer(self, one: Input) -> Answer:
        return answer(one.features)

    def checked(self, one: Input) -> bytes:
        return str(one.features).encode()

    def run(self, given: Sequence[bytes]) -> list[Answer]:
        self.batches.append(len(given))
        return [answer(int(one)) for one in given][:: self.step]


@pytest.mark.parametrize(("step", "word"), [(1, SAME), (-1, AMONG)])
def test_each_input_runs_alone_and_among_seven_others_whose_answers_are_not_its_own(
    step: int, word: str
) -> None:
    case = Case("", "", "", print, [Input("", value) for value in range(10)], inputs)
    side = Echo(step)
    found = verdicts_of(case, cast(Reference, side), cast(Service, side))
    assert [one.word for one in found] == [word] * 10
    assert side.batches == [*[1] * 10, BATCH, BATCH]
