"""What a store tells of each call, for whoever measures.

It is apart from `inference.metrics`: a worker says where its metrics' files are before
prometheus_client is imported.
"""

from typing import Protocol


class CallTimes(Protocol):
    """Told of each call to a server after its end."""

    def __call__(self, call: str, seconds: float, *, answered: bool) -> None:
        """`seconds` by a clock that never steps; `answered` is False for an error or none."""
        ...


def untimed(call: str, seconds: float, *, answered: bool) -> None:
    """Measures nothing."""
