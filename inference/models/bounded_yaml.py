"""Reads YAML that somebody else wrote, within bounds.

A few lines can stand for billions of nodes: an alias repeats what it names, and another alias
repeats that. PyYAML keeps them as one object, and the JSON that is made of it does not.
"""

from typing import Any

import yaml

MOST_BYTES = 8 * 2**20
"""Of an `MLmodel` file: a signature of 50,000 columns has half of it."""

MOST_NODES, MOST_DEPTH = 10_000, 100
"""Values and names of a file, what its aliases repeat among them; and one in the other."""


class TooLarge(yaml.YAMLError):
    """The text is longer than MOST_BYTES, or has more than MOST_NODES values, or too deep ones."""


class _Loader(yaml.SafeLoader):
    """Counts nodes as they are composed; an alias counts as much as what it repeats."""

    def __init__(self, text: bytes) -> None:
        super().__init__(text)
        self._nodes = self._depth = 0
        self._sizes: dict[str, int] = {}

    def compose_node(self, parent: Any, index: Any) -> Any:
        event: Any = self.peek_event()  # type: ignore[no-untyped-call]
        before, anchor = self._nodes, event.anchor
        if isinstance(event, yaml.AliasEvent):
            # One inside of what it repeats has no size yet: it would never end.
            self._count(self._sizes.get(anchor, MOST_NODES + 1))
            return super().compose_node(parent, index)
        self._count(1)
        self._depth += 1
        if self._depth > MOST_DEPTH:
            raise TooLarge(f"its values are nested more than {MOST_DEPTH} deep")
        node = super().compose_node(parent, index)
        self._depth -= 1
        if anchor is not None:
            self._sizes[anchor] = self._nodes - before
        return node

    def _count(self, nodes: int) -> None:
        self._nodes += nodes
        if self._nodes > MOST_NODES:
            raise TooLarge(f"it has more than {MOST_NODES} values")


def load_bounded(text: bytes) -> Any:
    """Returns what a text says; raises `yaml.YAMLError`, as which `TooLarge` counts."""
    if len(text) > MOST_BYTES:
        raise TooLarge(f"it is longer than {MOST_BYTES} bytes")
    loader = _Loader(text)
    try:
        return loader.get_single_data()
    finally:
        loader.dispose()
