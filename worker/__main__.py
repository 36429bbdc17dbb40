"""`python -m worker`: one worker until it is told to stop."""

import os
import shutil
import signal
import sys
import tempfile
from pathlib import Path
from types import FrameType
from typing import NoReturn

from inference.errors import Misconfigured


def main() -> int:
    """Runs the worker and returns the exit code.

    An error in the settings or the parts is one sentence on standard error.
    """
    # Celery handles them from the start of the pool. As the first process of a container, nothing
    # else ends this one.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _end)
    folder = Path(tempfile.mkdtemp(prefix="inference-worker-"))
    # Read by prometheus_client when it is imported, and by the child, which inherits it.
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(folder)
    from inference.settings import read_settings
    from inference.telemetry import set_up_logging
    from worker.child_status import RUN_FOLDER
    from worker.main import create_worker
    from worker.settings import WorkerSettings

    os.environ[RUN_FOLDER] = str(folder)
    try:
        settings = read_settings(WorkerSettings)
        os.environ["WORKER_ID"] = settings.worker_id
        set_up_logging(settings.log_level)
        worker = create_worker(settings, folder)
        worker.start()
        return int(worker.exitcode or 0)
    except Misconfigured as error:
        print(f"worker: {error}", file=sys.stderr)
        return 1
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _end(number: int, _frame: FrameType | None) -> NoReturn:
    """Ends a worker that waits for store or broker: it has taken nothing yet."""
    print(
        f"worker: told to end by {signal.Signals(number).name} before it had started",
        file=sys.stderr,
        flush=True,
    )
    sys.exit(128 + number)


if __name__ == "__main__":
    sys.exit(main())
