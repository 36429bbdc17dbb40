"""Pyfunc models whose signature comes from type hints, MLflow's recommended form.

One element of the list is one input.
"""

from collections.abc import Callable, Sequence
from typing import Any

from testkit.conformance.cases import Case, Input, dataframe_split, inputs
from testkit.conformance.inputs import LONG, NAN, UNICODE


def _log(kind: str) -> Callable[[str], None]:
    def make(name: str) -> None:
        import mlflow.pyfunc

        from testkit.conformance import hinted

        model, example = getattr(hinted, kind), hinted.EXAMPLES.get(kind)
        mlflow.pyfunc.log_model(
            name=name,
            python_model=model() if isinstance(model, type) else model,
            input_example=example,
            registered_model_name=name,
            pip_requirements=[],
        )

    return make


def _each(*values: Any) -> list[Input]:
    return [Input(f"value {place}", value) for place, value in enumerate(values, 1)]


ITEM = {"name": "tea", "price": 2.5}
TAGGED = ITEM | {"tags": ["a"], "size": {"width": 1.5}}
NESTED = [
    ("ordinary", TAGGED),
    ("optional ones are left out", ITEM),
    ("optional ones are null", ITEM | {"tags": None, "made": None, "size": None}),
    ("a required one is missing", {"name": "tea"}),
    ("a required one is null", ITEM | {"price": None}),
    ("an integer for a number", ITEM | {"price": 2}),
    ("a text for a number", ITEM | {"price": "2.5"}),
    ("a number for a text", ITEM | {"name": 7}),
    ("a name that is unknown", ITEM | {"more": 1}),
    ("one with a default", ITEM | {"count": 3}),
    ("null for one with a default", ITEM | {"count": None}),
    ("unicode", ITEM | {"name": UNICODE}),
    ("a date", ITEM | {"made": "2026-01-31T08:00:00"}),
    ("a date with a zone", ITEM | {"made": "2026-01-31T08:00:00+02:00"}),
    ("an empty list", ITEM | {"tags": []}),
    ("a wrong part inside", ITEM | {"size": {"width": "1"}}),
    ("no object", "tea"),
]
FRAME = {"x": 1.5, "s": "tea"}
CASE_OF: dict[str, tuple[str, Sequence[Input]]] = {
    "strings": ("list[str]", _each("tea", "", UNICODE, LONG, "null", "7", 7, None, True, ["tea"])),
    "integers": ("list[int]", _each(1, -5, 0, 2**63 - 1, 2**63, 3.0, 3.5, "3", True, None, [1])),
    "floats": ("list[float]", _each(1.5, 0.1, -1e308, 5e-324, 3, NAN, "1.5", True, None, [1.5])),
    "booleans": ("list[bool]", _each(True, False, 1, 0, "true", None, [True], 1.0)),
    "dates": (
        "list[datetime]",
        _each(
            "2026-01-31T08:00:00",
            "2026-01-31",
            "2026-01-31T08:00:00.123456",
            "2026-01-31T08:00:00+02:00",
            "2026-01-31T08:00:00Z",
            "1600-01-01T00:00:00",
            "31 Jan 2026",
            1769846400,
            None,
        ),
    ),
    "binaries": ("list[bytes]", _each("aGk=", "", "AAEC/w==", "a*b", "aGk", 7, None, ["aGk="])),
    "lists": (
        "list[list[float]]",
        _each([1.5, 2.5], [], [0.1], [1, 2], ["1"], [None], 1.5, None, [[1.5]]),
    ),
    "maps": (
        "list[dict[str, float]]",
        _each(
            {"a": 1.5}, {}, {UNICODE: 0.1, "b": 2.0}, {"a": 1}, {"a": "1"}, {"a": None}, [1.0], 7
        ),
    ),
    "dicts": (
        "list[dict[str, Any]]",
        _each(
            {"a": 1}, {}, {"a": None, "b": [1, "x"]}, {"a": {"b": 2.5}}, {"a": "1"}, "tea", None, 7
        ),
    ),
    "anything": ("list[Any]", _each(1, 2.5, "x", True, None, [1, "x"], {"a": 1}, 2**53 + 1)),
    "Items": ("list[pydantic model]", [Input(label, value) for label, value in NESTED]),
    "twice": ("a function of list[float]", _each(1.5, 0.1, -2.5, 0.0, 1e308, 3, "1.5", None)),
    "Frame": (
        "DataFrame",
        [
            Input("ordinary 1", FRAME),
            Input("ordinary 2", {"x": -2.5, "s": UNICODE}),
            Input("an integer for a number", FRAME | {"x": 3}),
            Input("a text for a number", FRAME | {"x": "3"}),
            Input("a number for a text", FRAME | {"s": 3}),
            Input("null", FRAME | {"x": None}),
            Input("one is missing", {"x": 1.5}),
            Input("one more", FRAME | {"y": 1}),
        ],
    ),
    "Exampled": (
        "from an example",
        _each("tea", "", UNICODE, LONG, "null", 7, None, ["tea"]),
    ),
}


CASES = [
    Case(
        f"hint-{kind.lower()}",
        "pyfunc",
        f"type hint: {words}",
        _log(kind),
        given,
        dataframe_split if kind == "Frame" else inputs,
    )
    for kind, (words, given) in CASE_OF.items()
]
