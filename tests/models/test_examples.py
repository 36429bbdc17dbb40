"""What a model's registered example must be, and answer, before the model is served."""

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from inference.errors import InvalidInput, Misconfigured
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
        self.answer, self.seen = answer, list[Any]()

    def row(self, features: Any, params: Any) -> Any:
        assert params == {}
        return features["x"]

    def run(self, rows: list[Any]) -> list[Any]:
        self.seen += rows
        return rows_of(self.answer(rows), len(rows))


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


def test_an_example_that_is_refused_is_said_at_warm_up(tmp_path: Path) -> None:
    class Refuses:
        device = "cpu"
        image: Any = None
        labels: Any = None

        def row(self, features: Any, params: Any) -> Any:
            assert params == {}
            raise InvalidInput(f"{features} is refused")

        def run(self, rows: list[Any]) -> list[Any]:
            return rows

    (tmp_path / "example.json").write_text('{"columns": ["x"], "data": [[1]]}')
    mlmodel = MLmodel(
        tmp_path,
        frozenset(),
        (Column("x", "double", True),),
        (),
        (),
        None,
        tmp_path / "example.json",
    )
    with pytest.raises(Misconfigured, match="example of odd 1 is refused"):
        LoadedModel("odd", "1", mlmodel, Refuses()).warm_up(2)
