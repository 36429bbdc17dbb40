"""Plants each bug of the protocol's list, and the machine must find it.

The machine is worth what it finds. Each bug must be found twice: by the ledger alone, which knows
nothing of the specification, and with the specification beside. The proof is written to
docs/planted-bugs.md.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.contract.planted_bugs import BUGS, Bug, hunt, rules_of, with_rules
from tests.contract.stores import StoreUnderTest

PROOF = Path(__file__).parents[2] / "docs" / "planted-bugs.md"
HEAD = """# Planted bugs

`tests/contract/test_planted_bugs.py` writes this page. It plants each bug, and the state machine \
has to find it twice:
by the invariants alone (the ledger), and with the specification beside them. There either of the \
two may speak first.
A rare bug names the rules that its lives need, and those are lived first; with \
`PLANTED_SEARCH=1` all rules are.

| bug | how it is planted | found by the ledger | found with the specification |
|---|---|---|---|
"""


@pytest.fixture(scope="module")
def proof() -> Iterator[dict[str, str]]:
    """Collects a row for each bug, and writes the table when its bugs are out of date.

    Only a run of all bugs writes it. It is not written at each run: which of the two speaks first,
    and with what, is drawn anew each time.
    """
    rows: dict[str, str] = {}
    yield rows
    listed = PROOF.read_text().splitlines() if PROOF.exists() else []
    now = [_planted(row) for row in rows.values()]
    if len(rows) == len(BUGS) and sorted(now) != sorted(
        map(_planted, listed[len(HEAD.splitlines()) :])
    ):
        PROOF.write_text(HEAD + "".join(rows[bug.name] for bug in BUGS))


def _planted(row: str) -> list[str]:
    """A row's bug and how it is planted."""
    return row.split(" | ")[:2]


def test_a_machine_of_few_rules_has_those_that_its_bug_names_and_no_others() -> None:
    for bug in BUGS:
        if bug.rules:
            assert rules_of(with_rules(bug.rules)).keys() == set(bug.rules), bug.name


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.name)
def test_a_planted_bug_is_found(store: StoreUnderTest, bug: Bug, proof: dict[str, str]) -> None:
    by_ledger = hunt(store, bug, with_spec=False)
    store.clock.offset_ms = 0
    by_both = hunt(store, bug, with_spec=True)
    assert by_ledger, f"{bug.name} was not found by the ledger"
    assert by_both, f"{bug.name} was not found with the specification"
    how = bug.how or store.plantings[bug.name].how
    proof[bug.name] = f"| {bug.name} | {how} | {by_ledger} | {by_both} |\n"
