"""Names the wrong fields of a body, as callers are told."""

from dataclasses import dataclass

MOST_ERRORS = 20
"""How many are named in one answer."""

_LONGEST_NAME = 80


@dataclass(frozen=True, slots=True)
class FieldError:
    """A field of the body that is wrong, and why."""

    field: str
    message: str


def shown(name: object) -> str:
    """Returns a client's field name in a length fit for an answer."""
    text = str(name)
    return text if len(text) <= _LONGEST_NAME else text[:_LONGEST_NAME] + "…"
