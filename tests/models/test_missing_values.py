"""A model sees of an input what MLflow would show it of that input alone.

The other inputs of the batch, and the values that they leave out, change nothing.
"""

import warnings
from collections.abc import Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from mlflow.types import ColSpec, DataType, Schema, TensorSpec
from mlflow.types.schema import AnyType, Array, Object, Property

from inference.errors import InvalidInput
from inference.outbound.input_limits import InputLimits
from worker.models.loaded import LoadedModel
from worker.models.mlmodel import MLmodel, read

pytestmark = pytest.mark.filterwarnings("ignore:.*Any type hint is inferred as AnyType:UserWarning")

WITNESS = """
from pprint import pformat

import mlflow
import pandas as pd


class Witness(mlflow.pyfunc.PythonModel):
    def predict(self, context, model_input: pd.DataFrame, params=None):
        if isinstance(model_input, dict):
            return [repr([part.tolist() for part in parts]) for parts in zip(*model_input.values())]
        def seen(place):
            return {name: [str(column.dtype), pformat(column[place])] \
for name, column in model_input.items()}
        return [seen(place) for place in range(len(model_input))]


mlflow.models.set_model(Witness())
"""
ANY = AnyType()  # type: ignore[no-untyped-call]
ITEM = Object(
    [
        Property("n", "integer", required=False),
        Property("f", "float", required=False),
        Property("s", "string"),
    ]
)
TYPES: dict[str, Any] = {kind.name: kind for kind in DataType} | {
    "any": ANY,
    "doubles": Array("double"),
    "floats": Array("float"),
    "integers": Array("integer"),
    "times": Array("datetime"),
    "anything": Array(ANY),
    "item": ITEM,
    "items": Array(ITEM),
    "deep": Object(
        [
            Property("item", ITEM, required=False),
            Property("when", "datetime", required=False),
            Property("of", ANY),
        ]
    ),
}
"""Each is an optional column of one model; `row` is its required one."""
TIME = np.datetime64("2026-01-31T08:00", "ns")
FULL = {"n": np.int32(3), "f": np.float32(0.5), "s": "x"}
BARE = {"n": None, "f": None, "s": "x"}
GIVEN: dict[str, list[tuple[Any, Any]]] = {
    "boolean": [(True, True), (False, False)],
    "integer": [(1, np.int32(1)), (-5, np.int32(-5))],
    "long": [(2**62 + 1, 2**62 + 1), (0, 0)],
    "float": [(0.1, np.float32(0.1)), (2, np.float32(2))],
    "double": [(0.1, 0.1), (2, 2.0)],
    "string": [("x", "x"), ("", "")],
    "binary": [("aGk=", b"hi")],
    "datetime": [("2026-01-31T10:00:00+02:00", TIME), ("2026-01-31T08:00", TIME)],
    "any": [(value, value) for value in (1, 2.5, 2**63, 2**70, True, "x", [1], {"a": None})],
    "doubles": [([1, 2], [1.0, 2.0]), ([0.5], [0.5]), ([], [])],
    "floats": [([1, 0.1], [np.float32(1), np.float32(0.1)])],
    "integers": [([1, 2], [np.int32(1), np.int32(2)])],
    "times": [(["2026-01-31T08:00"], [TIME])],
    "anything": [([1, None, "x"], [1, None, "x"])],
    "item": [
        ({"n": 3, "f": 0.5, "s": "x"}, FULL),
        ({"s": "x"}, BARE),
        ({"n": None, "s": "x"}, BARE),
    ],
    "items": [([{"s": "x", "n": 3, "f": 0.5}, {"s": "x", "f": None}], [FULL, BARE])],
    "deep": [
        ({"of": None}, {"item": None, "when": None, "of": None}),
        (
            {"item": {"s": "x"}, "when": "2026-01-31T08:00", "of": 1},
            {"item": BARE, "when": TIME, "of": 1},
        ),
    ],
}
"""Values of each type as a caller writes them, and as one who calls MLflow would."""
MISSING = {"double": np.nan, "float": np.nan, "datetime": np.datetime64("NaT", "ns")}
DTYPES = {
    "integer": "int32",
    "long": "int64",
    "float": "float32",
    "double": "float64",
    "datetime": "datetime64[ns]",
}


def saved(folder: Path, inputs: Sequence[ColSpec | TensorSpec]) -> MLmodel:
    import mlflow.pyfunc
    from mlflow.models import ModelSignature

    code = folder / "witness.py"
    code.write_text(WITNESS)
    with warnings.catch_warnings(action="ignore"):  # MLflow's, of an example that there is none of
        mlflow.pyfunc.save_model(
            folder / "model",
            python_model=str(code),
            signature=ModelSignature(Schema(list(inputs))),
            pip_requirements=[],
        )
    return read(folder / "model")


def loaded(mlmodel: MLmodel) -> LoadedModel:
    from worker.models.pyfunc_model import PyfuncEngine

    return LoadedModel("witness", "1", mlmodel, PyfuncEngine(mlmodel))


@pytest.fixture(scope="module")
def described(tmp_path_factory: pytest.TempPathFactory) -> MLmodel:
    columns = [ColSpec(kind, name, required=False) for name, kind in TYPES.items()]
    return saved(tmp_path_factory.mktemp("witness"), [ColSpec("string", "row"), *columns])


class Alone:
    """What MLflow itself shows a model of one input."""

    def __init__(self, folder: Path) -> None:
        import mlflow.pyfunc

        self._model = mlflow.pyfunc.load_model(str(folder))

    def seen(self, values: dict[str, Any]) -> Any:
        """`values` are MLflow's; what is not in them was left out."""
        frame = {"row": pd.Series(["x"], dtype=object)}
        for name in TYPES:
            if name in values or name not in ("integer", "long"):
                value = values[name] if name in values else MISSING.get(name)
                frame[name] = pd.Series([deepcopy(value)], dtype=DTYPES.get(name, object))
        (answer,) = self._model.predict(pd.DataFrame(frame))
        return answer


@pytest.fixture(scope="module")
def model(described: MLmodel) -> LoadedModel:
    return loaded(described)


@pytest.fixture(scope="module")
def alone(described: MLmodel) -> Alone:
    return Alone(described.folder)


@pytest.mark.parametrize("name", TYPES)
def test_a_column_is_seen_as_mlflow_shows_it_whoever_else_leaves_it_out(
    model: LoadedModel, alone: Alone, name: str
) -> None:
    given_values = GIVEN[name]
    features = [
        {"row": "x"},
        *({"row": "x", name: value} for value, _ in given_values),
        {"row": "x", name: None},
    ]
    wanted = [
        alone.seen({}),
        *(alone.seen({name: value}) for _, value in given_values),
        alone.seen({}),
    ]
    prepared = model.prepare([{"features": one} for one in features], InputLimits())
    assert model.run(prepared) == wanted
    assert model.run(prepared[::-1]) == wanted[::-1], (
        "as halves of a batch that did not fit run it again"
    )
    assert [model.predict([{"features": one}])[0] for one in features] == wanted


LEFT_OUT, NULL = "left out", "null"
rows = st.lists(
    st.fixed_dictionaries(
        {name: st.sampled_from([LEFT_OUT, NULL, *range(len(GIVEN[name]))]) for name in TYPES}
    ),
    min_size=8,
    max_size=8,
)


@settings(deadline=None, max_examples=8, phases=[Phase.generate])
@given(rows)
def test_eight_that_leave_out_any_mix_are_each_answered_as_alone(
    model: LoadedModel, alone: Alone, batch: list[dict[str, Any]]
) -> None:
    def pairs(row: dict[str, Any]) -> dict[str, tuple[Any, Any]]:
        return {
            name: GIVEN[name][choice] for name, choice in row.items() if isinstance(choice, int)
        }

    def sent(row: dict[str, Any]) -> dict[str, Any]:
        nulls = {name: None for name, choice in row.items() if choice == NULL}
        return {"row": "x"} | nulls | {name: value for name, (value, _) in pairs(row).items()}

    answers = model.predict([{"features": sent(row)} for row in batch])
    assert answers == [
        alone.seen({name: value for name, (_, value) in pairs(row).items()}) for row in batch
    ]


def test_an_input_of_integers_that_has_none_is_refused_since_mlflow_has_no_frame_for_it(
    tmp_path: Path,
) -> None:
    model = loaded(
        saved(
            tmp_path,
            [ColSpec("long", "x", required=False), ColSpec("integer", "y", required=False)],
        )
    )
    none, one, null = model.predict(
        [{"features": features} for features in ({}, {"x": 1}, {"x": None, "y": None})]
    )
    assert one == {"x": ["int64", "np.int64(1)"]}
    for refused in (none, null):
        assert isinstance(refused, InvalidInput)
        assert refused.field == "features"


def test_tensors_of_several_lengths_share_a_batch(tmp_path: Path) -> None:
    model = loaded(
        saved(
            tmp_path,
            [
                TensorSpec(np.dtype("float32"), (-1, -1), "x"),
                TensorSpec(np.dtype("str"), (-1,), "s"),
            ],
        )
    )
    features: list[dict[str, Any]] = [
        {"x": [1.0], "s": "a"},
        {"x": [1.0, 2.0], "s": "long"},
        {"x": [3.0], "s": "b"},
    ]
    assert model.predict([{"features": one} for one in features]) == [
        "[[1.0], 'a']",
        "[[1.0, 2.0], 'long']",
        "[[3.0], 'b']",
    ]
