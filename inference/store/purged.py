"""The answer to a purge."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Purged:
    """Tells which submissions a `purge` was about, and how many of them it ended.

    `more` says whether others of them still wait.
    """

    before_ms: int
    purged: int
    more: bool
