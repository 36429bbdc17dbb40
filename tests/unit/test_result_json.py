"""How a result is written: what JSON lacks is null or an error, and no digit is lost."""

import json
import math
from typing import Any

import orjson
import pytest

from inference.errors import UnfitAnswer
from worker.child.results import result_json

SCORES = {"name": "a", "scores": [0.5, 1, math.nan, math.inf]}


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_a_number_that_is_not_finite_is_null_unless_the_operator_wants_an_error(
    number: float,
) -> None:
    assert orjson.loads(result_json([1.5, {"x": number}], "null")) == [1.5, {"x": None}]
    with pytest.raises(UnfitAnswer, match=r"^result\[1\]\.x is no finite number, and RESULT_NAN"):
        result_json([1.5, {"x": number}], "error")
    with pytest.raises(UnfitAnswer, match=r"^result is no finite number"):
        result_json(number, "error")


def test_the_first_such_number_is_named() -> None:
    with pytest.raises(UnfitAnswer, match=r"^result\.scores\[2\] is no finite number"):
        result_json(SCORES, "error")


@pytest.mark.parametrize("result", [None, True, 0.5, "nan", [], {}, {"a": [1, 2.5, None]}, 2**70])
def test_any_other_result_is_written_the_same_either_way(result: Any) -> None:
    assert json.loads(result_json(result, "null")) == result
    assert result_json(result, "error") == result_json(result, "null")


def test_an_integer_of_more_than_64_bits_keeps_its_digits() -> None:
    result = {"a": [2**64 - 1, -(2**63), 2**64, -(2**63) - 1], "b": math.nan, "c": "é"}
    assert json.loads(result_json(result, "null")) == result | {"b": None}


@pytest.mark.parametrize(
    ("result", "said"),
    [
        (object(), "result is of the type object, which is not JSON"),
        ({"a": [1, {2}]}, "result.a[1] is of the type set, which is not JSON"),
        ({"a": "\ud800"}, "result.a is of the type str, which is not JSON: "),
        ({"\ud800": 1}, "the model's result is not JSON: "),
        ({1: 2}, "the model's result is not JSON: "),
        ([10**5000], "result[0] has too many digits: "),
    ],
)
def test_what_can_not_be_json_is_named_with_its_place(result: Any, said: str) -> None:
    with pytest.raises(UnfitAnswer) as caught:
        result_json(result, "null")
    assert str(caught.value).startswith(said)


def test_a_result_that_holds_itself_is_refused() -> None:
    endless: list[Any] = []
    endless.append(endless)
    for mode in ("null", "error"):
        with pytest.raises(UnfitAnswer):
            result_json(endless, mode)
