"""What each kind of value in an answer becomes, beside what MLflow's scoring server makes of it."""

import json
import math
import uuid
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum, IntEnum
from pathlib import PurePosixPath
from typing import Any

import numpy as np
import pandas as pd
import pydantic
import pytest
import torch
from mlflow.utils.proto_json_utils import NumpyEncoder, _get_jsonable_obj

from inference.errors import InvalidInput, UnfitAnswer
from worker.models.json_values import row_value
from worker.models.outputs import rows_of

MOMENT = pd.Timestamp("2024-01-02T03:04:05.123456789")


class Colour(Enum):
    RED = "red"


class Size(IntEnum):
    BIG = 3


@dataclass
class Box:
    size: Size
    made: Any


class Order(pydantic.BaseModel):
    items: list[Decimal | int]
    at: datetime


def mlflow_says(answer: Any) -> Any:
    """What MLflow's `predictions_to_json` writes for an answer, read again."""
    found = _get_jsonable_obj(answer)  # type: ignore[no-untyped-call]
    return json.loads(json.dumps(found, cls=NumpyEncoder))


SAME: list[Any] = [
    None,
    True,
    7,
    2**70,
    -0.5,
    "é\u0000💩",
    np.bool_(True),
    np.uint64(2**64 - 1),
    np.float16(0.1),
    np.float32(0.1),
    np.str_("a"),
    MOMENT,
    MOMENT.tz_localize("Europe/Berlin"),
    datetime(2024, 1, 2, 3, 4, tzinfo=UTC),
    date(2024, 1, 2),
    time(3, 4),
    np.datetime64("2024-01-02"),
    np.datetime64("2024-01-02T03:04:05.5", "ms"),
    (1, (2,)),
    {"a": {1: 2, 1.5: 3, False: 4, None: 5}},
    np.array([[1, 2], [3, 4]], dtype="int8"),
    np.array(["a", "b"]),
    np.array([MOMENT, None, "a"], dtype=object),
    np.array([(1, 2.5)], dtype=[("a", "i8"), ("b", "f8")])[0],
    np.array(["2024-01-02", "2024-01-03"], dtype="M8[D]"),
    np.ma.masked_array([1, 2], [False, True]),
    Order(items=[1], at=datetime(2024, 1, 2)),
    Size.BIG,
    np.datetime64("NaT", "ns"),
]


@pytest.mark.parametrize("value", SAME)
def test_a_value_is_what_mlflow_makes_of_it(value: Any) -> None:
    (row,) = rows_of([value], 1)
    assert [row] == mlflow_says([value])
    assert json.loads(json.dumps(row)) == row


@pytest.mark.parametrize(
    "frame",
    [
        pd.DataFrame({"t": [MOMENT], "c": pd.Categorical(["a"]), "s": pd.arrays.SparseArray([1])}),
        pd.DataFrame({"b": pd.array([True], "boolean"), "i": pd.array([7], "Int64"), 5: [None]}),
        pd.DataFrame({"x": np.array([0.1], "float32"), "o": [{"a": [1, (2,)]}]}, index=["i"]),
        pd.Series([1.5], name="y"),
        np.array([[1.5, 2.5]], dtype="float32"),
        [{"a": np.float32(0.1), "b": [np.int8(1)]}],
    ],
)
def test_an_answer_is_what_mlflow_makes_of_it(frame: Any) -> None:
    assert rows_of(frame, 1) == mlflow_says(frame)


OTHERS: list[tuple[Any, Any, Any]] = [
    # a value, what it becomes, what MLflow makes of it: an exception's type, or what is written
    (b"\0\1", "AAE=", "AAE=\n"),
    (bytearray(60), "A" * 80, "A" * 76 + "\n" + "A" * 4 + "\n"),
    (memoryview(b"ab"), "YWI=", TypeError),
    (np.array([b"ab"]), ["YWI="], ["YWI=\n"]),
    (pd.NaT, None, "NaT"),
    (pd.NA, None, TypeError),
    (np.datetime64("2024-01-02T00:00:00", "ns"), "2024-01-02T00:00:00", 1704153600000000000),
    (np.array(["2024-01-02"], dtype="M8[ns]"), ["2024-01-02T00:00:00"], [1704153600000000000]),
    (np.datetime64("12024-01-02T00:00:00", "s"), "12024-01-02T00:00:00", 317273673600),
    (np.datetime64("2024-03", "M"), "2024-03-01", "2024-03-01"),
    (timedelta(minutes=1.5), "P0DT0H1M30S", TypeError),
    (pd.Timedelta(1, "ns"), "P0DT0H0M0.000000001S", TypeError),
    (np.timedelta64(5, "m"), "P0DT0H5M0S", TypeError),
    (np.array([1, "NaT"], dtype="m8[s]"), ["P0DT0H0M1S", None], TypeError),
    (Decimal("1.10"), "1.10", TypeError),
    (1 + 2j, [1.0, 2.0], TypeError),
    (np.array([1 - 1j], dtype="complex64"), [[1.0, -1.0]], TypeError),
    (np.longdouble(1.5), 1.5, RecursionError),
    (pd.Period("2024-01"), "2024-01", TypeError),
    (pd.Interval(0, 1), "(0, 1]", TypeError),
    ({3, 1, 2}, [1, 2, 3], TypeError),
    (frozenset("ba"), ["a", "b"], TypeError),
    ({"a": 1}.values(), [1], TypeError),
    (deque([1]), [1], TypeError),
    (range(2), [0, 1], TypeError),
    (Colour.RED, "red", TypeError),
    (uuid.UUID(int=1), "00000000-0000-0000-0000-000000000001", TypeError),
    (PurePosixPath("/a"), "/a", TypeError),
    (Box(Size.BIG, MOMENT), {"size": 3, "made": MOMENT.isoformat()}, TypeError),
    (
        Order(items=[Decimal("0.1")], at=datetime(2024, 1, 2)),
        {"items": ["0.1"], "at": "2024-01-02T00:00:00"},
        TypeError,
    ),
    (
        {("a", 1): 1, date(2024, 1, 2): 2, Colour.RED: 3, np.int8(4): 4},
        {"a.1": 1, "2024-01-02": 2, "red": 3, "4": 4},
        TypeError,
    ),
    (pd.Series([1, None], dtype="Int64"), [1, None], TypeError),
    (pd.DataFrame({"x": [1], 2: [3]}), [{"x": 1, "2": 3}], TypeError),
    (pd.Index([1]), [1], TypeError),
    (pd.array([1, None], "Int64"), [1, None], TypeError),
    (torch.tensor([1.5]), [1.5], TypeError),
]


@pytest.mark.parametrize(("value", "wanted", "mlflows"), OTHERS)
def test_a_value_that_mlflow_does_not_take_or_spoils_is_what_the_page_says(
    value: Any, wanted: Any, mlflows: Any
) -> None:
    assert row_value(value) == wanted
    if isinstance(mlflows, type):
        with pytest.raises(mlflows):
            mlflow_says([value])
    else:
        assert mlflow_says([value]) == [mlflows]


@pytest.mark.parametrize(
    "value",
    [math.nan, np.float32("nan"), Decimal("NaN"), Decimal("sNaN"), torch.tensor(math.nan)],
)
def test_a_number_that_is_none_stays_one_until_the_result_is_written(value: Any) -> None:
    assert math.isnan(row_value(value))
    assert row_value(np.array([[1.0, math.inf]])) == [[1.0, math.inf]]


TENSORS = [
    "bool uint8 int8 int16 int32 int64 uint16 uint32 uint64",
    "float16 float32 float64 bfloat16",
    "float8_e4m3fn float8_e5m2 float8_e4m3fnuz float8_e5m2fnuz float8_e8m0fnu",
]


@pytest.mark.parametrize("dtype", " ".join(TENSORS).split())
def test_a_tensor_of_any_dtype_gives_its_numbers(dtype: str) -> None:
    tensor = torch.tensor([[0, 1], [1, 0]] if dtype == "bool" else [[1, 2], [1, 1]])
    tensor = tensor.to(getattr(torch, dtype))
    assert rows_of(tensor, 2) == tensor.double().tolist()
    assert rows_of([{"t": tensor}], 1) == [{"t": tensor.double().tolist()}]


def test_a_small_float_keeps_the_range_that_halves_lack() -> None:
    for tensor in (
        torch.tensor([1e30]).bfloat16(),
        torch.tensor([2.0**100]).to(torch.float8_e8m0fnu),
    ):
        assert rows_of(tensor, 1) == tensor.double().tolist() != [math.inf]


@pytest.mark.filterwarnings("ignore:torch.quantize_per_tensor:UserWarning")
def test_a_tensor_of_any_kind_is_brought_to_the_host_and_laid_out() -> None:
    numbers = torch.tensor([[0.0, 1.5], [0.0, 0.0]])
    wanted = numbers.tolist()
    assert rows_of(numbers.clone().requires_grad_(), 2) == wanted
    assert rows_of(torch.nn.Parameter(numbers), 2) == wanted
    assert rows_of(numbers.to_sparse(), 2) == wanted
    assert rows_of(torch.quantize_per_tensor(numbers, 0.5, 0, torch.qint8), 2) == wanted
    turned = torch.tensor([1 + 2j, 3 - 1j])
    assert rows_of(turned.conj(), 2) == [[1.0, -2.0], [3.0, 1.0]]
    assert rows_of(turned.conj().imag, 2) == [-2.0, 1.0]


def test_a_tensor_of_another_library_is_an_array(monkeypatch: pytest.MonkeyPatch) -> None:
    class Array:
        def __array__(self, *_: Any, **__: Any) -> Any:
            return np.array([1, 2])

    assert isinstance(row_value(Array()), UnfitAnswer)
    monkeypatch.setattr(Array, "__module__", "jaxlib._jax")
    assert rows_of(Array(), 2) == [1, 2]


class Odd:
    pass


def endless() -> list[Any]:
    found: list[Any] = []
    found.append(found)
    return found


BAD: list[tuple[Callable[[], Any], str]] = [
    (Odd, "result is of the type Odd, which is not JSON"),
    (lambda: {"a": [1, {"b": Odd}]}, "result.a[1].b is of the type type, which is not JSON"),
    (lambda: np.array([1, Odd()], dtype=object), "result[1] is of the type Odd, "),
    (lambda: Box(Size.BIG, {1, Odd}), "result.made["),
    (lambda: {"x": {b"k": 1}}, "result.x has a key of the type bytes, which is no name in JSON"),
    (lambda: {1: 2, "1": 3}, "result has two parts of one name: 1"),
    (lambda: pd.DataFrame([[1, 2]], columns=["x", "x"]), "result has two columns of one name"),
    (lambda: (x for x in "ab"), "result is of the type generator, "),
    (lambda: np.timedelta64(5, "Y"), "result is a duration that has no length: "),
    (lambda: np.void(b"abc"), "result is of the type void24, "),
    (lambda: torch.empty(1, dtype=torch.float4_e2m1fn_x2), "result is a tensor of torch.float4_"),
    (endless, "result is nested too deeply for JSON"),
]


@pytest.mark.parametrize(("value", "said"), BAD)
def test_a_row_that_can_not_be_json_fails_alone_and_its_place_is_named(
    value: Callable[[], Any], said: str
) -> None:
    first, bad, last = rows_of([1, value(), {"x": 2}], 3)
    assert (first, last) == (1, {"x": 2})
    assert isinstance(bad, UnfitAnswer)
    assert str(bad).startswith(said)


def test_an_error_that_the_model_answers_for_a_row_stays_that_rows() -> None:
    refused = InvalidInput("no picture")
    assert rows_of(np.array([1, refused], dtype=object), 2) == [1, refused]
