"""`scripts/run add models:/loan@production`: the run that is up serves one more model.

It gets a worker of its own, and the gateway starts again with it. The other workers go on. The next
run does not know of it: name it in MODEL_URIS for that.
"""

import os
import sys
import time

from scripts.local import probes
from scripts.local.pools import AddedPools, Pool
from scripts.local.run_dir import Refused, RunDir, read_run_dir

LOAD_S = 300.0
"""How long the model's packages may take to be imported and the model to load."""


def main(arguments: list[str]) -> int:
    """Returns the exit code; what stands in the way is one sentence on standard error."""
    try:
        if not arguments or arguments[0].startswith("-"):
            raise Refused("add needs a model, as in scripts/run add models:/loan@production")
        pools = [_read(entry) for entry in arguments]
        run_dir = read_run_dir()
        if not _is_up(run_dir):
            raise Refused(
                f"no run is up in {run_dir.folder}: start one with MODEL_URIS={','.join(arguments)}"
            )
        for pool in pools:
            AddedPools(run_dir).add(pool)
        return max(_wait(run_dir, pool) for pool in pools)
    except Refused as refusal:
        print(f"run: {refusal}", file=sys.stderr)
        return 1


def _read(entry: str) -> Pool:
    try:
        return Pool.read(entry)
    except ValueError as error:
        raise Refused(f"{error}.") from error


def _is_up(run_dir: RunDir) -> bool:
    """Whether a run holds the folder. Its lock is taken for a moment where none does."""
    if not (run_dir.folder / "lock").exists():
        return False
    try:
        os.close(run_dir.lock(patience_s=0))
    except Refused:
        return True
    return False


def _wait(run_dir: RunDir, pool: Pool) -> int:
    url, began = (run_dir.folder / "url").read_text("utf-8"), time.monotonic()
    tracking_uri = (run_dir.folder / "mlflow.url").read_text("utf-8")
    while not probes.serves(url, pool.name):
        if not pool.made and not probes.registered(tracking_uri, pool.address):
            print(f"{pool.uri} is not registered yet. It is served when it is.")
            return 0
        if time.monotonic() - began > LOAD_S:
            print(f"{pool.name} is not served yet: see {run_dir.logs}", file=sys.stderr)
            return 1
        time.sleep(0.5)
    print(f"{pool.name} is served at {url}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
