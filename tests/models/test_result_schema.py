"""What models answer is what the page says of their results, by their signatures' outputs.

Signatures are MLflow's own, inferred from the answers.
"""

import json
import math
from typing import Any

import numpy as np
import orjson
import pandas as pd
import pytest
from jsonschema_rs import Draft202012Validator
from mlflow.models import infer_signature

from inference.models.description import read_description
from inference.models.output_schema import PROMISE, result_schema
from tests.models.test_models import ROW
from worker.child.results import result_json
from worker.models.images.labels import Labels
from worker.models.loaded import LoadedModel
from worker.models.loader import load, resolve
from worker.models.outputs import named, rows_of

pytestmark = pytest.mark.filterwarnings("ignore:.*Any type hint is inferred as AnyType:UserWarning")

NOW = pd.Timestamp("2024-01-02T03:04:05.5")
X = pd.DataFrame({"a": [1.0, 2.0]})
ANSWERS: dict[str, tuple[Any, list[Any]]] = {
    # two rows in a form that models answer in, and what is no row of it
    "array": (np.array([1.5, math.nan]), ["a", [1.5], {}]),
    "integers": (np.array([1, 2]), [1.5, "a", None]),
    "array of two dimensions": (np.ones((2, 868), "float32"), [1.5, ["a"], [[1]]]),
    "booleans": (np.array([True, False]), [1, "true"]),
    "texts": (np.array(["a", "b"]), [1]),
    "bytes": (np.array([b"a", b"b"]), [1]),
    "moments": (np.array([NOW, "NaT"], dtype="M8[ns]"), [1704153600]),
    "complex": (np.ones((2, 3), "complex64"), [[1.0], 1.0]),
    "objects": (np.array(["a", None], dtype=object), []),
    "frame": (
        pd.DataFrame(
            {
                "x": [0.5, None],
                "n": [1, 2],
                "s": ["a", None],
                "t": [NOW, pd.NaT],
                "b": [b"a", b"b"],
                "f": np.array([1, 2], "float32"),
                "l": [[1.5], []],
                "o": [{"k": 1}, {"k": 2}],
            }
        ),
        [{}, 1, {"x": "a"}],
    ),
    "frame without names": (pd.DataFrame(np.ones((2, 2))), [{"0": 1}, [1, 1]]),
    "frame of lists": (pd.DataFrame({"l": [[1.5], [2.5]]}), [{"l": "a"}]),
    "series": (pd.Series([1.5, 2.5]), [{"0": 1.5}]),
    "named series": (pd.Series([1.5, 2.5], name="y"), [1.5]),
    "texts in a list": (["a", "b"], [1, ["a"]]),
    "objects in a list": ([{"a": 1, "b": ["x"]}, {"a": 2, "b": []}], [{"a": "1"}, {"b": []}]),
    "mapping": ({"a": np.array([1, 2]), "b": ["x", "y"]}, [{"a": "x"}, {"a": 1}]),
    "mapping of arrays": ({"a": np.ones(2), "b": np.ones((2, 3))}, [{"a": [1.0], "b": 1.0}]),
}


def outputs_of(answer: Any) -> Any:
    return json.loads(infer_signature(X, answer).to_dict()["outputs"])


@pytest.mark.filterwarnings("ignore:Hint:UserWarning")
@pytest.mark.parametrize("form", ANSWERS)
def test_an_answer_is_what_its_signature_promises(form: str) -> None:
    answer, others = ANSWERS[form]
    schema = result_schema(outputs_of(answer), {})
    validator = Draft202012Validator(schema)
    for row in rows_of(answer, 2):
        validator.validate(orjson.loads(result_json(row, "null")))
    assert not [other for other in others if validator.is_valid(other)]
    assert schema["description"].endswith(PROMISE)
    assert "Items" not in json.dumps(schema), "a generator makes a tuple of a length"


@pytest.mark.parametrize(
    ("spec", "good", "bad"),
    [
        ({"type": "map", "values": {"type": "long"}}, [{}, {"a": 1}], [{"a": "x"}, []]),
        (
            {
                "type": "object",
                "properties": {
                    "a": {"type": "datetime"},
                    "b": {"type": "array", "items": {"type": "any"}, "required": False},
                },
            },
            [{"a": "2024"}, {"a": None, "b": [1, None]}, {"a": "x", "b": None}],
            [{}, {"a": 1}],
        ),
        ({"type": "any"}, [None, 1, {}], []),
        ({"type": "binary"}, ["YWI="], [None]),
        ({"type": "boolean", "required": False}, [None, True], [1]),
        ({"type": "tensor", "tensor-spec": {"dtype": "bfloat16", "shape": [-1]}}, [1, None], ["a"]),
        ({"type": "tensor", "tensor-spec": {"dtype": "int8", "shape": [-1, 2]}}, [[1, 2]], [1]),
    ],
)
def test_each_type_of_output_has_a_schema(spec: Any, good: list[Any], bad: list[Any]) -> None:
    for outputs, form in (
        ([spec], lambda value: value),
        ([spec | {"name": "y"}, {"type": "long", "name": "n"}], lambda value: {"y": value, "n": 1}),
    ):
        validator = Draft202012Validator(result_schema(outputs, {}))
        assert all(validator.is_valid(form(value)) for value in good)
        assert not any(validator.is_valid(form(value)) for value in bad)


def test_several_outputs_without_names_are_a_list_of_them() -> None:
    validator = Draft202012Validator(result_schema([{"type": "long"}, {"type": "string"}], {}))
    assert validator.is_valid([1, "a"])
    assert not validator.is_valid([1.5, "a"])


@pytest.mark.parametrize(
    "outputs",
    [None, [], {"a": 1}, [1], [{"type": "array"}], [{"type": "decimal"}], 7, [{"type": ["a"]}]],
)
def test_outputs_of_an_unknown_form_may_be_anything(outputs: Any) -> None:
    assert Draft202012Validator(result_schema(outputs, {})).is_valid({"any": [None]})


def test_metadata_that_give_an_answer_its_form_are_on_the_page() -> None:
    scores = Draft202012Validator(result_schema([{"type": "double"}], {"outputs": ["a", "b"]}))
    scores.validate(named([0.2, 0.8], ("a", "b")))
    scores.validate(orjson.loads(result_json(named([0.2, math.nan], ("a", "b")), "null")))
    assert not scores.is_valid([0.2, 0.8])
    labels = Draft202012Validator(result_schema(None, {"labels": "extra_files/labels.txt"}))
    labels.validate(Labels(("cat", "dog"), 2).named({"index": [1], "probability": [0.9]}))
    assert not labels.is_valid({"labels": ["cat"]})


@pytest.mark.parametrize(
    ("uri", "features"),
    [
        ("models:/match-outcome/1", ROW),
        ("models:/shop/1", {"item": "tea", "price": 2, "pieces": 3}),
        ("models:/scale/1", {"picture": [[1, 2], [3, 4]], "factor": 1.5}),
        ("models:/churn/1", {"months": 35.0, "calls": 0.0}),
    ],
)
def test_what_registered_models_answer_is_what_the_page_says(
    registry: str, monkeypatch: pytest.MonkeyPatch, uri: str, features: dict[str, Any]
) -> None:
    monkeypatch.setenv("MLFLOW_ALLOW_PICKLE_DESERIALIZATION", "true")
    model = load(resolve(uri, registry), registry)
    assert isinstance(model, LoadedModel)
    said = read_description((model.mlmodel.folder / "MLmodel").read_bytes())
    schema = result_schema(said.outputs, said.metadata)
    assert "type" in schema
    validator = Draft202012Validator(schema)
    for answer in model.predict([{"features": features}] * 2):
        validator.validate(orjson.loads(result_json(answer, "null")))
