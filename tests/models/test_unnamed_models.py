"""Models whose inputs have no names, or a type hint's types, answer what MLflow answers for a row.

Each is saved by MLflow itself, as its author would, and MLflow's own answer for the row alone is
the reference.
"""

import warnings
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from mlflow.models import ModelSignature
from mlflow.types import ColSpec, Schema, TensorSpec
from mlflow.types.schema import Map

from inference.errors import InvalidInput
from inference.models.description import compile_checkers, read_description, read_signature
from inference.outbound.input_limits import InputLimits
from worker.models.loaded import LoadedModel
from worker.models.mlmodel import read

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning", "ignore::FutureWarning")

HEAD = """
import datetime
import mlflow, pandas as pd, pydantic
from mlflow.pyfunc import ChatModel, PythonModel, ResponsesAgent
from mlflow.types.llm import ChatChoice, ChatCompletionResponse, ChatMessage
from mlflow.types.responses import ResponsesAgentResponse

class Message(pydantic.BaseModel):
    role: str
    times: int = 3
    tags: dict[str, str] = {}
    note: str | None = None

"""
FRAME = "class M(PythonModel):\n    def predict(self, context, model_input, params=None):\n        "
HINTED = (
    "class M(PythonModel):\n    def predict(self, model_input: list[%s], params=None):\n        "
)
CHAT = """
class M(ChatModel):
    def predict(self, context, messages, params):
        text = f"{messages[-1].content} {params.temperature}"
        return ChatCompletionResponse(
            choices=[ChatChoice(index=0, message=ChatMessage(role="assistant", content=text))]
        )
"""
AGENT = """
class M(ResponsesAgent):
    def predict(self, request):
        text = "+".join(item.content for item in request.input)
        item = self.create_text_output_item(text=text, id="1")
        return ResponsesAgentResponse(output=[item], custom_outputs=request.custom_inputs)
"""
AS_IT_CAME = "return [repr(value) for value in model_input]"


def saved(folder: Path, code: str, inputs: Any = None, **more: Any) -> Path:
    """Saves a model from code, with a signature of these inputs or with MLflow's own."""
    import mlflow.pyfunc

    file = folder / "model.py"
    file.write_text(f"{HEAD}{code}\nmlflow.models.set_model(M())\n")
    signature = None if inputs is None else ModelSignature(inputs)
    with warnings.catch_warnings(action="ignore"):
        mlflow.pyfunc.save_model(
            folder / "model",
            python_model=str(file),
            signature=signature,
            pip_requirements=[],
            **more,
        )
    return folder / "model"


def loaded(folder: Path) -> LoadedModel:
    from worker.models.pyfunc_model import PyfuncEngine

    mlmodel = read(folder)
    return LoadedModel("m", "1", mlmodel, PyfuncEngine(mlmodel))


def answers(folder: Path, rows: Sequence[Any]) -> list[Any]:
    """What the service answers for rows that share a batch, each of which the door takes."""
    said = read_description((folder / "MLmodel").read_bytes())
    door = compile_checkers(
        read_signature(said.inputs, said.params, said.metadata, hinted=said.hinted)
    )
    for row in rows:
        assert door.features.errors(row) == []
    model = loaded(folder)
    prepared = model.prepare([{"features": row} for row in rows], InputLimits())
    found = model.run(prepared)
    assert found == [model.run([row])[0] for row in prepared], "the same alone and among others"
    return found


def by_mlflow(folder: Path, rows: Sequence[Any]) -> list[Any]:
    """What MLflow answers for each row alone."""
    import mlflow.pyfunc

    model = mlflow.pyfunc.load_model(str(folder))
    return [model.predict(row) for row in rows]


SUM = FRAME + "return (model_input if hasattr(model_input, 'sum') else pd.DataFrame()).sum(axis=1)"


@pytest.mark.parametrize(
    ("inputs", "rows", "told"),
    [
        (
            Schema([TensorSpec(np.dtype("float64"), (-1, 3))]),
            [[1, 2.5, 3], [4, 5, 6]],
            [np.array([[1, 2.5, 3]]), np.array([[4.0, 5, 6]])],
        ),
        (
            Schema([ColSpec("double"), ColSpec("long")]),
            [[1.5, 2], [0.5, 3.0]],
            [pd.DataFrame([[1.5, 2]]), pd.DataFrame([[0.5, 3]])],
        ),
        (
            Schema([ColSpec("double", 0), ColSpec("long", 1)]),  # type: ignore[arg-type]
            [{"0": 1.5, "1": 2}, {"0": 0.5, "1": 3}],
            [pd.DataFrame({0: [1.5], 1: [2]}), pd.DataFrame({0: [0.5], 1: [3]})],
        ),
    ],
    ids=["array", "columns without names", "columns named by numbers"],
)
def test_an_array_or_a_frame_without_names_is_what_the_model_gets(
    tmp_path: Path, inputs: Any, rows: list[Any], told: list[Any]
) -> None:
    folder = saved(tmp_path, SUM, inputs)
    wanted = [float(np.asarray(answer)[0]) for answer in by_mlflow(folder, told)]
    assert answers(folder, rows) == wanted


def test_a_list_of_texts_is_a_column_of_them(tmp_path: Path) -> None:
    folder = saved(
        tmp_path, FRAME + "return model_input[0].str.upper().tolist()", Schema([ColSpec("string")])
    )
    assert answers(folder, ["a", "é"]) == ["A", "É"]


def test_a_map_is_a_dictionary_of_its_values_in_their_type(tmp_path: Path) -> None:
    scores = Schema([ColSpec(Map("double"), "scores")])
    folder = saved(tmp_path, FRAME + "return [repr(m) for m in model_input['scores']]", scores)
    rows = [{"scores": {"a": 1, "b": 2.5}}, {"scores": {}}]
    assert answers(folder, rows) == [
        "{'a': np.float64(1.0), 'b': np.float64(2.5)}",
        "{}",
    ], "as MLflow's own enforcement makes it"


@pytest.mark.parametrize(
    ("hint", "rows", "told"),
    [
        ("str", ["a", "né"], [["a"], ["né"]]),
        ("int", [1, -5], [[1], [-5]]),
        ("bool", [True, False], [[True], [False]]),
        ("float", [1, 2.5], [[1.0], [2.5]]),
        ("dict[str, float]", [{"a": 1}, {}], [[{"a": 1.0}], [{}]]),
        ("list[str]", [["a"], []], [[["a"]], [[]]]),
        ("bytes", ["aGk=", "aG\nk="], [[b"hi"], [b"hi"]]),
        (
            "datetime.datetime",
            ["2026-01-31T10:00:00+00:00", "2026-01-31"],
            [[datetime(2026, 1, 31, 10, tzinfo=UTC)], [datetime(2026, 1, 31)]],
        ),
        (
            "Message",
            [{"role": "u"}, {"role": "s", "times": 1, "note": None, "tags": {"a": "b"}}],
            [[{"role": "u"}], [{"role": "s", "times": 1, "note": None, "tags": {"a": "b"}}]],
        ),
    ],
)
def test_a_type_hinted_model_gets_a_list_of_python_s_own_values(
    tmp_path: Path, hint: str, rows: list[Any], told: list[Any]
) -> None:
    folder = saved(tmp_path, HINTED % hint + AS_IT_CAME)
    assert answers(folder, rows) == [answer for (answer,) in by_mlflow(folder, told)]


def test_nanoseconds_that_a_type_hint_can_not_hold_are_refused_and_a_column_keeps_them(
    tmp_path: Path,
) -> None:
    (tmp_path / "hinted").mkdir()
    (tmp_path / "column").mkdir()
    time = "2026-01-31T10:00:00.123456789Z"
    column = saved(
        tmp_path / "column",
        FRAME + "return [str(t) for t in model_input['t']]",
        Schema([ColSpec("datetime", "t")]),
    )
    assert answers(column, [{"t": time}]) == ["2026-01-31 10:00:00.123456789"]
    model = loaded(saved(tmp_path / "hinted", HINTED % "datetime.datetime" + AS_IT_CAME))
    (refused,) = model.prepare([{"features": time}], InputLimits())
    assert isinstance(refused, InvalidInput)
    assert refused.field == "features"


def test_a_chat_model_answers_each_request_by_itself(tmp_path: Path) -> None:
    folder = saved(tmp_path, CHAT)
    rows = [
        {"messages": [{"role": "user", "content": "hello"}], "temperature": 0.5},
        {"messages": [{"role": "user", "content": "bye"}]},
    ]
    found = answers(folder, rows)
    assert [one["choices"] for one in found] == [one["choices"] for one in by_mlflow(folder, rows)]
    assert found[0]["choices"][0]["message"]["content"] == "hello 0.5"


def test_a_responses_agent_answers_each_request_by_itself(tmp_path: Path) -> None:
    folder = saved(tmp_path, AGENT)
    rows = [
        {"input": [{"role": "user", "content": text}], "custom_inputs": {"n": n}}
        for n, text in enumerate(("hello", "bye"))
    ]
    found = answers(folder, rows)
    assert [one["output"] for one in found] == [one["output"] for one in by_mlflow(folder, rows)]
    assert [one["custom_outputs"] for one in found] == [{"n": 0}, {"n": 1}]


@pytest.mark.parametrize("example", [["a", "b"], np.arange(6.0).reshape(3, 2), "a"])
def test_an_example_without_names_warms_a_model_up(tmp_path: Path, example: Any) -> None:
    folder = saved(tmp_path, FRAME + "return [1] * len(model_input)", input_example=example)
    model = loaded(folder)
    assert model.mlmodel.examples()
    model.warm_up(4)
