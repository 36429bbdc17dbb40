"""Pyfunc models that answer in forms of every kind: what becomes JSON, and what a row is."""

from collections.abc import Callable
from typing import Any

from testkit.conformance.cases import Case, Input, dataframe_split
from testkit.conformance.models.columns import log

FORMS = (
    "series",
    "nameless",
    "generator",
    "lists",
    "arrays",
    "text",
    "one",
    "gaps",
    "dates",
    "numpy_dates",
    "decimals",
    "bytes",
    "categories",
    "dataclasses",
    "pydantic",
    "numpy_parts",
    "ragged",
)
VALUES: list[Any] = [1.5, 0.1, -2.5, 0.0, 100, 1e6, 7, "1.5", None]


def _answering(form: str) -> Callable[[str], None]:
    def make(name: str) -> None:
        from mlflow.models import ModelSignature
        from mlflow.types import ColSpec, Schema

        from testkit.conformance.classes import Answering

        log(Answering(form), name, ModelSignature(Schema([ColSpec("double", "x")])))

    return make


CASES = [
    Case(
        f"answer-{form.replace('_', '-')}",
        "pyfunc",
        f"answers {form.replace('_', ' ')}",
        _answering(form),
        [Input(f"value {place}", {"x": value}) for place, value in enumerate(VALUES, 1)],
        dataframe_split,
    )
    for form in FORMS
]
