"""Names the models of the device bench and the program that registers them.

That program is bench/device/graphs.py. Light on purpose: the bench's own process imports neither
torch nor MLflow.
"""

import sys
from collections.abc import Container
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


def command(url: str, row_bytes: int, dense: DenseSize, names: Container[str]) -> list[str]:
    """What registers those of the three that are in `names` with the MLflow at `url`."""
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
        *(name for name in (ALLOCATING, LOOKUP, DENSE) if name in names),
    ]
