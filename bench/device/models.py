"""Names the models of the device bench and the program that registers them.

That program is bench/device/graphs.py. Light on purpose: the bench's own process imports neither
torch nor MLflow.
"""

import sys
from dataclasses import asdict, dataclass

ALLOCATING, LOOKUP, DENSE = "allocating", "lookup", "dense"
LOOKUP_ROWS = 100
"""Rows of the table in which the second looks up."""


@dataclass(frozen=True)
class DenseSize:
    """A row is `tokens` by `width`, multiplied by a matrix `layers` times."""

    tokens: int
    width: int
    layers: int


def command(url: str, row_bytes: int, dense: DenseSize) -> list[str]:
    """What registers all three with the MLflow at `url`."""
    sizes = [str(value) for value in asdict(dense).values()]
    return [
        sys.executable,
        "-W",
        "ignore",
        "-m",
        "bench.device.graphs",
        url,
        str(row_bytes),
        *sizes,
    ]
