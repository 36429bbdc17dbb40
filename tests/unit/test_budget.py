"""What the tests may cost is held by a check that a slow machine does not fail."""

import pytest

from scripts.budget import BUDGET, Budget, Spent

SHARES = {"tests/a": 200.0, "tests/b": 100.0, "tests/c": 100.0}
SMALL = Budget(test_s=20, tests={"tests/a/test_x.py::test_long": 100}, suites=SHARES)
NEW, LONG = "tests/a/test_x.py::test_new", "tests/a/test_x.py::test_long[any]"


@pytest.mark.parametrize(
    ("tests", "suites", "named"),
    [
        ({NEW: 79.0, LONG: 159.0}, SHARES, []),
        ({NEW: 81.0}, SHARES, [NEW]),
        ({LONG: 161.0}, SHARES, [LONG]),
        ({}, SHARES | {"tests/a": 301}, ["tests/a"]),
        ({NEW: 99.0}, SHARES | {"tests/a": 400, "tests/b": 200}, []),
        ({NEW: 101.0}, SHARES | {"tests/a": 400, "tests/b": 200}, [NEW]),
        ({}, {"tests/new": 61.0}, ["tests/new"]),
    ],
    ids=[
        "within",
        "a new test",
        "a named one",
        "a suite",
        "a slow machine",
        "a slow machine's new test",
        "a new suite",
    ],
)
def test_what_exceeds_its_budget_by_half_is_named(
    tests: dict[str, float], suites: dict[str, float], named: list[str]
) -> None:
    assert [
        sentence.split(" took ")[0] for sentence in Spent(tests, suites).excesses(SMALL)
    ] == named


def test_the_budget_of_this_project_is_read_with_its_reasons() -> None:
    assert (
        BUDGET.of(
            "tests/contract/test_planted_bugs.py::test_a_planted_bug_is_found[a fence reused]"
        )
        > BUDGET.test_s
    )
    assert set(BUDGET.suites) >= {"tests/unit", "tests/cluster"}
