"""Runs the rows of a batch in as few calls as may be, where not all of them fit into one."""

from collections import defaultdict
from collections.abc import Callable, Hashable, Sequence
from typing import Any, TypeVar

T = TypeVar("T")


def run_in_groups(
    rows: Sequence[T], kind: Callable[[T], Hashable], run: Callable[[list[T]], list[Any]]
) -> list[Any]:
    """Runs the rows of one kind together and returns the answers in the order of the rows.

    `run` answers one for one.
    """
    groups: defaultdict[Hashable, list[int]] = defaultdict(list)
    for place, row in enumerate(rows):
        groups[kind(row)].append(place)
    answers: list[Any] = [None] * len(rows)
    for places in groups.values():
        for place, answer in zip(places, run([rows[place] for place in places]), strict=True):
            answers[place] = answer
    return answers
