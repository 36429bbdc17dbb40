"""How the OpenAPI page shows a call: its name, its words, and an example of each of its answers."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer that is no problem."""

    words: str
    example: Any = None


@dataclass(frozen=True, slots=True)
class Operation:
    """A call on the page.

    Generated clients name their function after `id` and their module after `tag`.
    """

    id: str
    tag: str
    summary: str
    description: str
    """Says when to use it; Markdown."""
    answers: Mapping[int, Answer]
    """By status."""
