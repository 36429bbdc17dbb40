"""Tests the weight of a body, and its check in either place.

A body is judged alike on the event loop and in the process beside it.
"""

import io
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.checking import check_process, request_check
from app.checking.check_process import Signature, models_line, request_line
from app.checking.request_check import (
    FREE_WEIGHT,
    Bounds,
    Refused,
    Served,
    Unserved,
    check,
    most_weight,
    refuse_weight,
)
from inference.models.input_schema import PartSchema, compile_inputs, compile_params

BOUNDS = Bounds(max_body_bytes=2**20, max_depth=32, max_time_to_start_s=60.0)
OPEN_WEIGHT = 2**20 // request_check.BYTES_PER_WEIGHT
PARAMS = [{"name": "depth", "type": "long", "default": 1, "shape": None}]
OPEN_PARAMS = [{"name": "quantiles", "type": "double", "default": [0.5], "shape": [-1]}]


def column(name: str, kind: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "type": kind, "required": False} | more


def tensor(name: str, *shape: int) -> dict[str, Any]:
    return column(name, "tensor", **{"tensor-spec": {"dtype": "float64", "shape": [-1, *shape]}})


PERSON = {
    "age": {"type": "long", "required": True},
    "names": {"type": "object", "properties": {"first": {"type": "string"}}},
}
FLAT = [
    column("a", "double"),
    column("note", "string"),
    column("person", "object", properties=PERSON),
]
SIGNATURE = Signature("one", FLAT, PARAMS, "", has_feature_table=True)


@dataclass(frozen=True)
class OneModel:
    """A gateway's view of one model."""

    inputs: list[dict[str, Any]]
    told_params: list[dict[str, Any]] | None = None
    name: str = "one"
    has_feature_table: bool = True

    @property
    def features(self) -> PartSchema:
        return compile_inputs(self.inputs)

    @property
    def params(self) -> PartSchema:
        return compile_params(self.told_params)

    @property
    def default(self) -> str:
        return self.name

    @property
    def names(self) -> list[str]:
        return [self.name, f"{self.name}@production"]

    @property
    def models(self) -> "dict[str, OneModel]":
        return {self.name: self}

    def pool_of(self, asked: Any) -> str:
        return self.name if asked in self.names else ""


def outside_of_strings(raw: bytes) -> int:
    """The weight, a character at a time."""
    weight, in_string, escaped = 0, False, False
    for mark in raw.decode():
        if in_string:
            in_string, escaped = escaped or mark != '"', mark == "\\" and not escaped
        else:
            weight += {",": 1, ":": 1, "[": 4, "{": 4}.get(mark, 0)
            in_string = mark == '"'
    return weight


def is_refused(raw: bytes, model: OneModel) -> bool:
    try:
        refuse_weight(raw, [model], [], BOUNDS)
    except Refused:
        return True
    return False


json_values = st.recursive(
    st.none()
    | st.integers()
    | st.text(alphabet='a,:[{"\\\n')
    | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(alphabet='b,[{"\\'), inner),
)


@given(json_values)
def test_what_stands_in_strings_weighs_nothing(value: Any) -> None:
    raw, most = (
        json.dumps(value).encode(),
        FREE_WEIGHT + most_weight(OneModel(FLAT), BOUNDS.max_body_bytes),
    )
    left = most - outside_of_strings(raw)
    assert outside_of_strings(raw) <= request_check.rough_weight(raw)
    assert not is_refused(b"[" * (left // 4) + b"," * (left % 4) + raw, OneModel(FLAT))
    assert is_refused(b"[" * (left // 4) + b"," * (left % 4) + raw + b",", OneModel(FLAT))


@pytest.mark.parametrize(
    ("inputs", "features"),
    [
        (FLAT, {"a": 1.0, "note": ",[{" * 9, "person": {"age": 1, "names": {"first": "x"}}}),
        ([tensor("x", 3, 5, 7)], {"x": [[[1.5] * 7] * 5] * 3}),
        ([tensor("x", 400, 1)], {"x": [[1.5]] * 400}),
        ([tensor("x", 2, 3), tensor("y", 4)], {"x": [[0.5] * 3] * 2, "y": [1.0] * 4}),
    ],
)
def test_the_heaviest_input_of_a_fixed_signature_weighs_no_more_than_is_allowed(
    inputs: Any, features: Any
) -> None:
    model = OneModel(inputs, PARAMS)
    raw = json.dumps({"features": features, "params": {"depth": 3}}).encode()
    slack = 4 + 3
    assert (
        outside_of_strings(raw) <= most_weight(model, BOUNDS.max_body_bytes) + slack < FREE_WEIGHT
    )


def test_what_a_signature_leaves_open_is_bounded_by_the_size_of_a_body() -> None:
    shut = most_weight(OneModel([tensor("x", 100)], PARAMS), BOUNDS.max_body_bytes)
    for opened in (
        tensor("y", -1),
        tensor("y", 2, -1, 3),
        column("y", "array", items={"type": "long"}),
        column("y", "any"),
    ):
        assert OPEN_WEIGHT + shut <= most_weight(
            OneModel([tensor("x", 100), opened], PARAMS), BOUNDS.max_body_bytes
        )
    assert most_weight(OneModel(FLAT, OPEN_PARAMS), BOUNDS.max_body_bytes) >= OPEN_WEIGHT


def test_a_tensor_is_taken_and_as_many_empty_lists_are_not() -> None:
    model = OneModel([tensor("x", 50, 40, 30)])
    raw = orjson.dumps({"features": {"x": [[[0.5] * 30] * 40] * 50}})
    assert not is_refused(raw, model)
    assert is_refused(b'{"features":[' + b"[]," * (len(raw) // 3) + b"[]]}", model)


def test_what_a_model_may_need_that_is_not_served_now_is_not_refused_for_good() -> None:
    """Its tensor is for later: a 422 would have its caller give up."""
    raw = orjson.dumps({"model": "later", "features": {"x": [[[0.5] * 30] * 40] * 50}})
    with pytest.raises(Unserved) as unserved:
        refuse_weight(raw, [OneModel(FLAT)], ["later"], BOUNDS)
    assert unserved.value.pool == "later"


BODIES: dict[str, bytes] = {
    "right": b'{"features":{"a":1.5,"note":"x"},"match_id":7,"priority":3,"time_to_start_s":5}',
    "of another order, with blanks": (
        b' {"time_to_start_s":5 ,"priority":3,"match_id":7,"features":{"note":"x","a":1.5}}'
    ),
    "of a match alone": b'{"match_id":7,"model":"one@production"}',
    "large": b'{"features":{"note":"' + "ä\\u20ac💩\\n".encode() * 50_000 + b'"}}',
    "wrong": b'{"features":{"a":"x","person":{"age":1.5}},"what":1}',
    "no object": b"[1]",
    "no JSON": b'{"features":',
    "NaN": b'{"features":{"a":NaN}}',
    "NaN where nobody looks": b'{"features":{"a":1},"time_to_start_s":1,"match_id":NaN}',
    "half a surrogate pair": b'{"features":{"note":"\\ud800"}}',
    "deep": b'{"features":{"a":' + b"[" * 40 + b"]" * 40 + b"}}",
    "another model": b'{"model":"two","features":{}}',
    "a parameter": b'{"features":{"a":1},"params":{"depth":2}}',
}


def test_the_process_tells_a_model_that_can_not_be_served_now_from_one_that_nobody_knows() -> None:
    told = models_line(
        "one", {"one": "models:/one@production", "two": "models:/two@production"}, [SIGNATURE], []
    )
    bodies = [b'{"model": "two"}', b'{"model": "two@production"}', b'{"model": "three"}']
    answers = io.BytesIO()
    check_process.serve(
        io.BytesIO(
            b"".join(
                told + request_line(len(raw), BOUNDS, keyed=False, whole=True) + raw
                for raw in bodies
            )
        ),
        answers,
    )
    said = [json.loads(line) for line in answers.getvalue().splitlines()]
    assert [answer.get("unserved") for answer in said] == ["two", "two", None]
    assert said[2]["refused"]["errors"][0]["field"] == "model"


@pytest.mark.parametrize("whole", [True, False])
@pytest.mark.parametrize("keyed", [True, False])
def test_the_process_judges_as_the_event_loop_does(keyed: bool, whole: bool) -> None:
    model = OneModel(FLAT, PARAMS)
    told = models_line("one", {"one": "models:/one@production"}, [SIGNATURE], [])
    lines = (
        told + request_line(len(raw), BOUNDS, keyed=keyed, whole=whole) + raw
        for raw in BODIES.values()
    )
    answers = io.BytesIO()
    check_process.serve(io.BytesIO(b"".join(lines)), answers)
    answers.seek(0)
    assert list(_read(answers)) == [_judged(raw, model, keyed, whole) for raw in BODIES.values()]


def _read(answers: io.BytesIO) -> Iterator[dict[str, Any]]:
    while line := answers.readline():
        answer = json.loads(line)
        yield answer | {"input": answers.read(answer.pop("bytes"))}


def _judged(raw: bytes, served: Served, keyed: bool, whole: bool) -> dict[str, Any]:
    try:
        checked = asdict(check(raw, served, BOUNDS, keyed=keyed, whole=whole))
    except Refused as refused:
        errors = [asdict(error) for error in refused.errors]
        return {
            "refused": {"detail": refused.detail, "errors": errors, "model": refused.model},
            "input": b"",
        }
    return {"input": checked.pop("input"), "checked": checked}


def test_the_same_request_has_the_same_digests_however_it_is_written() -> None:
    right, other = (
        check(BODIES[name], OneModel(FLAT, PARAMS), BOUNDS, keyed=True, whole=False)
        for name in ("right", "of another order, with blanks")
    )
    assert right.join_digest == other.join_digest
    assert right.body_digest == other.body_digest
