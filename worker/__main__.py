"""`python -m worker`: one worker until it is told to stop.

`--help` starts nothing, and imports the settings alone.
"""

import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from types import FrameType
from typing import NoReturn

from inference.errors import Misconfigured

_SHOWN = (
    *("model_uri", "pool", "model_code", "store_url", "broker_url", "mlflow_tracking_uri"),
    *("model_cache_dir", "max_batch_size", "run_limit_s", "drain_timeout_s"),
    *("probe_port", "log_level"),
)


def main(arguments: Sequence[str] = ()) -> int:
    """Runs the worker and returns the exit code.

    An error in the settings or the parts is one sentence on standard error. Of arguments it knows
    `--help`; any other is one sentence and code 2.
    """
    if arguments:
        _refuse(arguments)
    # Celery handles them from the start of the pool. As the first process of a container, nothing
    # else ends this one.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _end)
    folder = Path(tempfile.mkdtemp(prefix="inference-worker-"))
    # Read by prometheus_client when it is imported, and by the child, which inherits it.
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(folder)
    from inference import ca_bundle
    from inference.misspelt import warn_of_misspelt
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
        warn_of_misspelt(os.environ, WorkerSettings.model_fields)
        ca_bundle.trust(settings.ca_bundle)
        worker = create_worker(settings, folder)
        worker.start()
        return int(worker.exitcode or 0)
    except Misconfigured as error:
        print(f"worker: {error}", file=sys.stderr)
        return 1
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _refuse(arguments: Sequence[str]) -> None:
    """Prints the help that is asked for and ends; refuses all else."""
    from inference.command_line import Parser, settings_text
    from worker.settings import WorkerSettings

    epilog = f"""\
It takes no arguments. Settings are environment variables. The most important, with their
defaults:

{settings_text(WorkerSettings, _SHOWN)}

python -m worker.batch scores a table with a model, without a service: see its --help.

docs/settings.md has all of them, docs/models.md how to register a model of your own and what
a worker's environment needs for it. python -m app --help is about the gateway; scripts/run
starts a gateway and workers with all that they need.
"""
    Parser(
        prog="python -m worker",
        description="A worker of the inference service: loads one model from MLflow and runs the"
        " predictions\nthat gateways wrote down for it, until it is told to stop.",
        epilog=epilog,
    ).parse_args(arguments)


def _end(number: int, _frame: FrameType | None) -> NoReturn:
    """Ends a worker that waits for store or broker: it has taken nothing yet."""
    print(
        f"worker: told to end by {signal.Signals(number).name} before it had started",
        file=sys.stderr,
        flush=True,
    )
    sys.exit(128 + number)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
