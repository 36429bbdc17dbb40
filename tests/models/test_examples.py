"""What a model's registered example must be, and answer, before the model is served."""

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from structlog.testing import capture_logs

from inference.errors import DeviceBroken, InvalidInput, Misconfigured, OutOfMemory
from inference.models.signature import Column
from worker.models.loaded import LoadedModel
from worker.models.mlmodel import MLmodel
from worker.models.outputs import rows_of


class Stub:
    """An engine of the column x, which is optional, that answers so."""

    device = "cpu"
    image: Any = None
    labels: Any = None

    def __init__(self, answer: Callable[[list[Any]], list[Any]]) -> None:
        self.answer, self.seen, self.outputs = answer, list[Any](), set[int]()

    def row(self, features: Any, params: Any) -> Any:
        assert params == {}
        return features["x"]

    def run(self, rows: list[Any]) -> list[Any]:
        self.seen += rows
        return rows_of(self.answer(rows), len(rows), self.outputs)


def with_example(folder: Path, engine: Stub, *values: float | None) -> LoadedModel:
    (folder / "example.json").write_text(
        json.dumps({"columns": ["x"], "data": [[value] for value in values]})
    )
    mlmodel = MLmodel(
        folder, frozenset(), (Column("x", "double", False),), (), (), None, folder / "example.json"
    )
    return LoadedModel("odd", "1", mlmodel, engine)


@pytest.mark.parametrize("gap", [None, math.nan])
def test_an_example_with_a_gap_in_its_first_row_warms_the_model_with_its_other_rows(
    tmp_path: Path, gap: Any
) -> None:
    engine = Stub(list)
    with_example(tmp_path, engine, gap, 2.0).warm_up(3)
    assert engine.seen == [2.0] * 4


@pytest.mark.parametrize("answer", [lambda rows: [rows[0] + 1], lambda _: []])
def test_an_example_of_gaps_alone_stops_no_worker(
    tmp_path: Path, answer: Callable[[list[Any]], list[Any]]
) -> None:
    engine = Stub(answer)
    with_example(tmp_path, engine, None).warm_up(3)
    assert engine.seen == [None]


@pytest.mark.parametrize(
    "answer", [tuple, lambda rows: {"y": rows, "version": "1.0"}, lambda _: 0.5, lambda _: [1, 2]]
)
def test_a_model_whose_answer_to_its_example_has_no_rows_is_not_loaded(
    tmp_path: Path, answer: Callable[[list[Any]], Any]
) -> None:
    with pytest.raises(Misconfigured, match="odd 1 can't be served: the "):
        with_example(tmp_path, Stub(answer), 1.0).warm_up(3)


def test_a_model_whose_answer_to_its_example_is_no_json_is_not_loaded(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match=r"odd 1 can't be served: result\.y is of the type obj"):
        with_example(tmp_path, Stub(lambda rows: [{"y": object()} for _ in rows]), 1.0).warm_up(3)


@pytest.mark.parametrize("count", range(1, 5))
def test_a_list_of_arrays_is_never_cut_into_rows_of_other_callers(
    tmp_path: Path, count: int
) -> None:
    """A list of two arrays for two rows may be two outputs, or two rows of two numbers."""
    for answer in (
        lambda rows: [np.array(rows), np.array(rows) + 10],
        lambda rows: [np.array([row, row + 10]) for row in rows],
    ):
        model = with_example(tmp_path, Stub(answer), 1.0)
        rows = [float(n) for n in range(count)]
        assert model.run(rows) == [[row, row + 10] for row in rows]


def test_a_model_of_several_outputs_runs_whole_batches_once_a_single_row_has_shown_them(
    tmp_path: Path,
) -> None:
    engine = Stub(lambda rows: [np.array(rows), np.array(rows) + 10])
    model = with_example(tmp_path, engine, 1.0)
    model.warm_up(2)
    seen = len(engine.seen)
    assert model.run([5.0, 6.0]) == [[5, 15], [6, 16]]
    assert len(engine.seen) == seen + 2


class Refuses(Stub):
    def row(self, features: Any, params: Any) -> Any:
        assert params == {}
        raise InvalidInput(f"{features['x']} is refused")


def failing(error: Exception, alone: bool) -> Stub:
    """An engine that raises for a row alone, or for a batch alone."""

    def answer(rows: list[Any]) -> list[Any]:
        if (len(rows) == 1) is alone:
            raise error
        return rows

    return Stub(answer)


@pytest.mark.parametrize(
    ("engine", "step", "error", "reason"),
    [
        (Refuses(list), "run it alone", "InvalidInput", "1.0 is refused"),
        (failing(KeyError("town"), True), "run it alone", "KeyError", "'town'"),
        (failing(OutOfMemory("too much"), True), "run it alone", "OutOfMemory", "too much"),
        (failing(OutOfMemory("too much"), False), "run a batch of 3", "OutOfMemory", "too much"),
        (failing(ValueError("one"), False), "run a batch of 3", "ValueError", "one"),
        (Stub(lambda rows: rows[:1]), "run a batch of 3", "UnfitAnswer", "the model answered 1 "),
    ],
)
def test_a_warm_up_that_fails_is_said_with_its_step_and_stops_no_worker(
    tmp_path: Path, engine: Stub, step: str, error: str, reason: str
) -> None:
    with capture_logs() as logs:
        with_example(tmp_path, engine, 1.0).warm_up(3)
    (said,) = [line for line in logs if line["event"] == "warm_up.failed"]
    assert (said["step"], said["error"]) == (step, error)
    assert said["reason"].startswith(reason)


@pytest.mark.parametrize("content", ["{[", '"a word"', '{"columns": ["x"], "data": [[1, 2]]}'])
def test_an_example_that_can_not_be_read_stops_no_worker(tmp_path: Path, content: str) -> None:
    model = with_example(tmp_path, Stub(list), 1.0)
    (tmp_path / "example.json").write_text(content)
    with capture_logs() as logs:
        model.warm_up(3)
    assert [line["step"] for line in logs] == ["read the example"]


def test_a_device_that_breaks_at_warm_up_needs_another_process(tmp_path: Path) -> None:
    with pytest.raises(DeviceBroken):
        with_example(tmp_path, failing(DeviceBroken("CUDA error"), True), 1.0).warm_up(3)
