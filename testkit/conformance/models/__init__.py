"""The models that are compared, by flavor."""

from testkit.conformance.cases import Case
from testkit.conformance.models import (
    agents,
    answers,
    boosting,
    columns,
    hints,
    networks,
    sklearn_models,
    tensors,
    texts,
    torch_models,
)

CASES: tuple[Case, ...] = (
    *sklearn_models.CASES,
    *torch_models.CASES,
    *columns.CASES,
    *tensors.CASES,
    *hints.CASES,
    *answers.CASES,
    *agents.CASES,
    *boosting.CASES,
    *networks.CASES,
    *texts.CASES,
)
BY_NAME = {case.name: case for case in CASES}
