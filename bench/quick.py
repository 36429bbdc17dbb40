"""What a test asks of a bench: that it works, in the least time. Its figures mean nothing then."""

import argparse
from dataclasses import dataclass


@dataclass(frozen=True)
class Start:
    """How a bench's service starts: as an operator's does, with a registry of its own."""

    registry: str = ""
    """An MLflow that runs already and knows the fault model; without it one is started."""

    preloaded: bool = False
    """Whether gateways and workers are forked from a process that imported their modules."""


def add_quick(parser: argparse.ArgumentParser) -> None:
    """Adds `--quick REGISTRY`."""
    parser.add_argument(
        "--quick",
        metavar="REGISTRY",
        default="",
        help="for tests: forked processes, and an MLflow that knows the fault model already",
    )


def start_of(options: argparse.Namespace) -> Start:
    """How the service starts by these options."""
    return Start(options.quick, preloaded=bool(options.quick))
