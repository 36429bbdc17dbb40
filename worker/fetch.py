"""`python -m worker.fetch MODEL FOLDER`: downloads a version into a folder of models.

The folder is one that `MODEL_CACHE_DIR` may name, to be put into an image, or into a claim before
the first worker starts. No code of the model runs.
"""

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from inference.errors import Misconfigured

WRONG = 2


def main(arguments: Sequence[str]) -> int:
    """Carries the command out and returns the exit code."""
    from inference.command_line import Parser
    from inference.settings import read_settings
    from worker.settings import WorkerSettings

    parser = Parser(
        prog="python -m worker.fetch",
        description="Downloads a version of MLflow's registry (MLFLOW_TRACKING_URI) into FOLDER,"
        "\nwhich workers take with MODEL_CACHE_DIR. It is there once, however often it is asked.",
    )
    parser.add_argument("model", metavar="MODEL", help="models:/name@alias or models:/name/version")
    parser.add_argument("folder", metavar="FOLDER", help="made if it is not there")
    given = parser.parse_args(arguments)
    try:
        settings = read_settings(WorkerSettings, model_uri=given.model, pool="fetch")
        place = _fetched(given.model, settings.mlflow_tracking_uri, given.folder)
    except Misconfigured as error:
        print(f"error: {error}", file=sys.stderr)
        return WRONG
    print(place)
    return 0


def _fetched(model_uri: str, tracking_uri: str, folder: str) -> Path:
    from worker.models.cache import ModelCache
    from worker.models.loader import fetch, resolve

    cache = ModelCache(folder)
    resolved = resolve(model_uri, tracking_uri)
    place = fetch(resolved, tracking_uri, cache)
    cache.remember(model_uri, resolved)
    if not place.is_relative_to(folder):
        raise Misconfigured(f"{folder} can't be written to")
    _make_readable(Path(folder))
    return place


def _make_readable(folder: Path) -> None:
    """Lets any user read it: workers run as another one than who makes an image."""
    for path, _, names in os.walk(folder):
        os.chmod(path, 0o755)
        for name in names:
            if not os.path.islink(os.path.join(path, name)):
                os.chmod(os.path.join(path, name), 0o644)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
