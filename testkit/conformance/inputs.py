"""Inputs that several models share: ordinary ones, extremes, and wrong ones."""

from collections.abc import Mapping, Sequence
from typing import Any

from testkit.conformance.cases import Input

NAN = float("nan")
LONG = "tea " * 5_000
UNICODE = "Grüße, 東京 🫖 \u202ea\x00bc"


def without(row: Mapping[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in row.items() if key != name}


def of_doubles(rows: Sequence[Mapping[str, Any]]) -> list[Input]:
    """For columns of doubles that are all required. `rows` are ordinary ones."""
    row, name = dict(rows[0]), next(iter(rows[0]))
    return [
        *(Input(f"ordinary {place}", dict(one)) for place, one in enumerate(rows, 1)),
        Input("an integer for a double", row | {name: 3}),
        Input("a large one", row | {name: 1e30}),
        Input("the smallest", row | {name: 5e-324}),
        Input("2^53 + 1", row | {name: 2**53 + 1}),
        Input("a text for a number", row | {name: "1.5"}),
        Input("true for a number", row | {name: True}),
        Input("NaN", row | {name: NAN}),
        Input("null", row | {name: None}),
        Input("a list for a number", row | {name: [1.0]}),
        Input("one is missing", without(row, name)),
        Input("one more", row | {"more": 1.0}),
        Input("another order", dict(reversed(row.items()))),
    ]


def of_a_tensor(rows: Sequence[Any], name: str = "") -> list[Input]:
    """For a tensor of numbers with rows of one dimension; `name` is '' for an unnamed one."""
    row = list(rows[0])
    values: list[tuple[str, Any]] = [
        *((f"ordinary {place}", one) for place, one in enumerate(rows, 1)),
        ("integers for numbers", [int(value) for value in row]),
        ("zeros", [0] * len(row)),
        ("a large one", [1e4, *row[1:]]),
        ("a text for a number", ["1.5", *row[1:]]),
        ("true for a number", [True, *row[1:]]),
        ("NaN", [NAN, *row[1:]]),
        ("null for a number", [None, *row[1:]]),
        ("one too many", [*row, row[0]]),
        ("one too few", row[1:]),
        ("nothing", []),
        ("a number", row[0]),
        ("a level too deep", [row]),
    ]
    return [Input(label, {name: value} if name else value) for label, value in values]
