"""What the service answers is what MLflow's own scoring server answers, or differs as is stated.

`python -m testkit.conformance` compares many more models, those of heavy packages among them
(docs/models-conformance.md).
"""

import pytest

from testkit.conformance.comparing import Outcome
from testkit.conformance.models import BY_NAME
from testkit.conformance.processes import compared
from testkit.conformance.table import document

NAMES = (
    "sk-frame",
    "sk-mixed",
    "sk-array",
    "torch-named",
    "torch-two",
    "torch-bfloat16",
    "py-types",
    "py-nested",
    "py-maps",
    "py-names",
    "py-params",
    "py-tensors",
    "py-unnamed",
    "hint-strings",
    "hint-dates",
    "hint-items",
    "hint-frame",
    "answer-dates",
    "answer-lists",
    "chat-model",
)


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Outcome]:
    folder = tmp_path_factory.mktemp("conformance")
    cases = [BY_NAME[name] for name in NAMES]
    return {one.name: one for one in compared(cases, folder, apart=False)}


@pytest.mark.parametrize("name", NAMES)
def test_a_model_answers_each_input_as_mlflow_does(outcomes: dict[str, Outcome], name: str) -> None:
    outcome = outcomes[name]
    assert (outcome.not_served, outcome.different) == ("", [])
    assert len(outcome.verdicts) == len(BY_NAME[name].inputs)


def test_each_model_of_the_command_has_eight_inputs_and_there_are_forty() -> None:
    assert len(BY_NAME) >= 40
    assert [case.name for case in BY_NAME.values() if len(case.inputs) < 8] == []


def test_the_table_has_a_row_for_each_model(outcomes: dict[str, Outcome]) -> None:
    page = document(list(outcomes.values()), "a command")
    assert [name for name in NAMES if page.count(f"\n| {name} |") != 1] == []
