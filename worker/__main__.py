"""`python -m worker`: one worker until it is told to stop."""

import os
import shutil
import sys
import tempfile
import warnings
from pathlib import Path

from app.contract.errors import Misconfigured


def main() -> int:
    """Returns the exit code; what is wrong with the settings or the parts is one sentence on standard error."""
    folder = Path(tempfile.mkdtemp(prefix="inference-worker-"))
    # Read by prometheus_client when it is imported, and by the child, which inherits it.
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(folder)
    from celery.platforms import SecurityWarning

    from app.contract.settings import read_settings
    from app.telemetry import set_up_logging
    from worker.child import RUN_FOLDER
    from worker.main import create_worker
    from worker.settings import WorkerSettings

    os.environ[RUN_FOLDER] = str(folder)
    try:
        settings = read_settings(WorkerSettings)
        os.environ["WORKER_ID"] = settings.worker_id
        set_up_logging(settings.log_level)
        # A warning about pickle, which this worker does not accept, under any user.
        warnings.filterwarnings("ignore", category=SecurityWarning)
        worker = create_worker(settings, folder)
        worker.start()
        return int(worker.exitcode or 0)
    except Misconfigured as error:
        print(f"worker: {error}", file=sys.stderr)
        return 1
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
