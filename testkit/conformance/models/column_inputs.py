"""The inputs of the models with columns: values of every type, ordinary, extreme and wrong."""

from typing import Any

from testkit.conformance.cases import Input, dataframe_split
from testkit.conformance.inputs import LONG, NAN, UNICODE, of_doubles, without

TYPES = {
    "s": "string",
    "l": "long",
    "i": "integer",
    "f": "float",
    "d": "double",
    "b": "boolean",
    "t": "datetime",
    "y": "binary",
}
OPTIONAL = {name: kind for name, kind in TYPES.items() if kind != "binary"}
"""MLflow's server can't read a null for bytes."""
FULL = {
    "s": "tea",
    "l": 2**53 + 1,
    "i": -5,
    "f": 0.1,
    "d": 0.1,
    "b": True,
    "t": "2026-01-31T08:00:00.123456",
    "y": "aGk=",
}
ODD = ["Net price (€)", "a.b", "class", "0", "größe", "x y\tz", "features", "__len__"]


def of_types() -> list[Input]:
    changes: list[tuple[str, str, Any]] = [
        ("a long text", "s", LONG),
        ("unicode", "s", UNICODE),
        ("the largest long", "l", 2**63 - 1),
        ("a long beyond", "l", 2**63),
        ("3.0 for a long", "l", 3.0),
        ("an integer beyond", "i", 2**31),
        ("a float beyond", "f", 1e39),
        ("a float32 that is not exact", "f", 16777217),
        ("a large double", "d", 1e308),
        ("1 for true", "b", 1),
        ("a text for true", "b", "true"),
        ("a date", "t", "2026-01-31"),
        ("a date with Z", "t", "2026-01-31T08:00:00Z"),
        ("a date with a zone", "t", "2026-01-31T08:00:00+02:00"),
        ("a date with nanoseconds", "t", "2026-01-31T08:00:00.123456789"),
        ("a date of 1600", "t", "1600-01-01T00:00:00"),
        ("a date of 9999", "t", "9999-12-31T00:00:00"),
        ("a date that is none", "t", "2026-02-30"),
        ("a date in other words", "t", "31 Jan 2026"),
        ("a number for a date", "t", 1769846400),
        ("empty bytes", "y", ""),
        ("no base64", "y", "a*b"),
        ("base64 without its end", "y", "aGk"),
        ("a number for a text", "s", 7),
    ]
    return [
        Input("ordinary", FULL),
        *(Input(label, FULL | {name: value}) for label, name, value in changes),
    ]


def of_optional() -> list[Input]:
    row, given = {"row": "x"}, without(FULL, "y")
    nulls = [
        Input(
            f"null for a {kind}",
            row | {name: None},
            # MLflow has no integer that may be missing: it takes a frame without the column.
            said=dataframe_split(_gaps({} if kind in ("long", "integer") else {name: None})),
        )
        for name, kind in OPTIONAL.items()
    ]
    return [
        Input("all are given", row | given),
        Input("all are left out", row, said=dataframe_split(_gaps({}))),
        *nulls,
        Input("the required one is null", {"row": None} | given),
        Input("the required one is missing", given),
    ]


def _gaps(given: dict[str, Any]) -> dict[str, Any]:
    gaps = {name: None for name, kind in OPTIONAL.items() if kind not in ("long", "integer")}
    return {"row": "x"} | gaps | given


def of_nested() -> list[Input]:
    row = {"doubles": [1.0, 2.5], "words": ["a"], "item": {"s": "x", "n": 3}, "items": []}
    changes: list[tuple[str, str, Any]] = [
        ("an empty list", "doubles", []),
        ("integers in a list of doubles", "doubles", [1, 2]),
        ("a text in a list of doubles", "doubles", ["1"]),
        ("null in a list", "doubles", [None]),
        ("no list", "doubles", 1.0),
        ("null for an optional part", "item", {"s": "x", "n": None}),
        ("an object without a required part", "item", {"n": 3}),
        ("a part that is unknown", "item", {"s": "x", "more": 1}),
        ("3.0 for an integer inside", "item", {"s": "x", "n": 3.0}),
        ("a list of objects", "items", [{"s": "x", "n": None}, {"s": "y", "n": 1}]),
        ("null for an optional list", "items", None),
        ("unicode inside", "words", [UNICODE, ""]),
    ]
    return [
        Input("ordinary", row),
        *(Input(label, row | {name: value}) for label, name, value in changes),
        Input(
            "an optional list is left out",
            without(row, "items"),
            said=dataframe_split(row | {"items": None}),
        ),
        Input(
            "an optional part is left out",
            row | {"item": {"s": "x"}},
            said=dataframe_split(row | {"item": {"s": "x", "n": None}}),
        ),
    ]


def of_floats() -> list[Input]:
    parts = {"i": 1, "f": 0.1, "t": "2026-01-31T08:00:00"}
    values: list[tuple[str, Any, Any]] = [
        ("floats", [0.1, 2.5], None),
        ("an empty list", [], None),
        ("integers", [1, 2], None),
        ("zeros and ones", [0, 1], None),
        ("an object", [], parts),
        ("a date with a zone", [], parts | {"t": "2026-01-31T08:00Z"}),
        ("an integer beyond", [], parts | {"i": 2**31}),
        ("a float beyond", [1e39], None),
        ("a text", ["0.1"], None),
    ]
    return [Input(label, {"floats": floats, "parts": given}) for label, floats, given in values]


def of_maps() -> list[Input]:
    row = {"weights": {"a": 0.5, "b": 2.0}, "tags": {"x": ["y", "z"]}}
    changes: list[tuple[str, str, Any]] = [
        ("other names", "weights", {UNICODE: 1.5}),
        ("integers", "weights", {"a": 1, "b": 2}),
        ("an empty one", "weights", {}),
        ("a text for a number", "weights", {"a": "1"}),
        ("null for a number", "weights", {"a": None}),
        ("no map", "weights", [1.0]),
        ("null for an optional map", "tags", None),
        ("an empty list inside", "tags", {"x": []}),
        ("a number for a list", "tags", {"x": 1}),
    ]
    return [
        Input("ordinary", row),
        *(Input(label, row | {name: value}) for label, name, value in changes),
    ]


def of_anything() -> list[Input]:
    values: list[Any] = [1, 2.5, "x", True, None, [1, "x", None], {"a": {"b": []}}, 2**63 - 1, NAN]
    return [
        *(
            Input(f"value {place}", {"any": value, "s": "x"})
            for place, value in enumerate(values, 1)
        ),
        Input("it is missing", {"s": "x"}),
    ]


def of_params() -> list[Input]:
    row = {"x": 1.5}
    values: list[tuple[str, dict[str, Any]]] = [
        ("none", {}),
        ("one", {"top": 5}),
        ("all", {"top": 1, "factor": 2, "mode": "fast", "fees": [1, 2.5], "since": "2026-02-01"}),
        ("an empty list", {"fees": []}),
        ("null whose default is null", {"mode": None}),
        ("null whose default is none", {"top": None}),
        ("one that is unknown", {"bottom": 1}),
        ("3.0 for an integer", {"top": 3.0}),
        ("a text for an integer", {"top": "3"}),
        ("a number for a list", {"fees": 1.0}),
        ("an object", {"config": {"depth": 3, "name": "b"}}),
        ("an object without a part", {"config": {"depth": 3}}),
        ("a text in an object", {"config": {"depth": "3", "name": "b"}}),
        ("a date with a zone", {"since": "2026-02-01T08:00:00+02:00"}),
    ]
    return [
        Input("without params", row),
        *(Input(f"params: {label}", row, params=given) for label, given in values),
    ]


def of_unnamed() -> list[Input]:
    values: list[Any] = ["tea", "", UNICODE, LONG, "null", "7", 7, None, True, ["tea"]]
    return [Input(f"value {place}", value) for place, value in enumerate(values, 1)]


def of_unnamed_mixed() -> list[Input]:
    values: list[Any] = [
        [1, "a", 0.5],
        [2**63 - 1, UNICODE, 1e308],
        [1, "a", 3],
        [1.0, "a", 0.5],
        [1, 7, 0.5],
        [1, "a", "0.5"],
        [1, None, 0.5],
        [1, "a"],
        [1, "a", 0.5, "more"],
        {"0": 1, "1": "a", "2": 0.5},
    ]
    return [Input(f"row {place}", value) for place, value in enumerate(values, 1)]


def of_odd_names() -> list[Input]:
    row = {name: float(place) for place, name in enumerate(ODD)}
    return of_doubles([row, row | {"0": 7.5}])


def of_the_artifact() -> list[Input]:
    return of_doubles([{"x": 1.5, "y": 0.0}, {"x": -2.0, "y": 1.0}])
