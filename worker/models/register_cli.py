"""What the programs that register a model share.

Their arguments, and whether there is anything to do.
"""

import argparse
import sys
import time
from collections.abc import Callable

from inference.errors import Misconfigured
from worker.models.loader import find


def arguments(prog: str, description: str, name: str) -> argparse.ArgumentParser:
    """Returns a parser that knows the server, the name, the alias and --if-missing.

    The name is `name` unless told otherwise.
    """
    parser = argparse.ArgumentParser(prog=f"python -m {prog}", description=description)
    parser.add_argument("--tracking-uri", required=True, help="the MLflow server")
    parser.add_argument("--name", default=name, help="the registered model's name")
    parser.add_argument(
        "--alias", default="production", help="the alias to move to the new version"
    )
    parser.add_argument("--if-missing", action="store_true", help="do nothing if the alias exists")
    return parser


def run(options: argparse.Namespace, register: Callable[[], str]) -> int:
    """Has a version registered and returns the exit status.

    A setting that can't work is one sentence on stderr.

    With --if-missing an alias that exists is left alone, before anything heavy is imported: a
    deployment may do it each time.
    """
    called = f"{options.name}@{options.alias}"
    try:
        found = find(f"models:/{called}", options.tracking_uri)
    except Misconfigured as error:
        print(error, file=sys.stderr)
        return 2
    if found and options.if_missing:
        print(f"{called} is version {found.version} already")
        return 0
    started = time.monotonic()
    version = register()
    print(
        f"{options.name} version {version} is @{options.alias} now,"
        f" after {time.monotonic() - started:.1f} s"
    )
    return 0
