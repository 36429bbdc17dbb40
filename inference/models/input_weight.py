"""How heavy the heaviest input of a model is: how much of JSON its signature allows at most.

A weight counts what a parsed body needs memory for: 1 for each comma and colon, 4 for each list or
object. `app.checking.request_check` counts a body the same way before it is parsed.
"""

from collections.abc import Iterable
from typing import NamedTuple

from inference.models.data_types import Form
from inference.models.signature import Kind, ListOf, MapOf, ObjectOf

CONTAINER, MARK = 4, 1


class Weight(NamedTuple):
    """What a value weighs at most, without its parts whose length is `open`: they have no bound."""

    bounded: int
    open: bool


def weight_of(kind: Kind) -> Weight:
    """Returns the weight of a value of a kind."""
    if isinstance(kind, ListOf):
        item = weight_of(kind.item)
        if kind.length < 0:
            return Weight(CONTAINER, True)
        return Weight(CONTAINER + kind.length * (MARK + item.bounded), item.open)
    if isinstance(kind, MapOf):
        return Weight(CONTAINER, True)
    if isinstance(kind, ObjectOf):
        return weight_of_all(one.kind for one in kind.properties)
    return Weight(0, kind.form is Form.ANY)


def weight_of_all(kinds: Iterable[Kind]) -> Weight:
    """Returns the weight of an object or a list that has one value of each kind."""
    weights = list(map(weight_of, kinds))
    return Weight(
        CONTAINER + sum(2 * MARK + one.bounded for one in weights), any(one.open for one in weights)
    )
