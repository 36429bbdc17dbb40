"""Does one run of the scoring job: `python -m examples.football.scoring`.

An error is one sentence on standard error, and the exit code says so.
"""

import signal
import sys
from types import FrameType
from typing import NoReturn

import structlog

from examples.football.scoring.settings import ScoringSettings
from inference import ca_bundle
from inference.errors import Misconfigured
from inference.settings import read_settings
from inference.telemetry import set_up_logging

log = structlog.get_logger()
_INTERRUPTED = 128


def main() -> int:
    """Returns the exit code. A run that is stopped leaves its parts, and the next one goes on."""
    # The first process of a container is not ended by SIGTERM unless it says how.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _stop)
    try:
        settings = read_settings(ScoringSettings)
        set_up_logging(settings.log_level)
        ca_bundle.trust(settings.ca_bundle)
        from examples.football.scoring.job import (
            run,
        )  # takes seconds, so only once the settings are right

        run(settings)
    except Misconfigured as error:
        print(f"batch: {error}", file=sys.stderr)
        return 1
    except Exception as error:  # the model is foreign code, and the place of the file may be away
        log.exception(
            "batch.failed", consequence="the file is as it was; another run goes on from here"
        )
        print(f"batch: {type(error).__name__}: {str(error)[:300]}", file=sys.stderr)
        return 1
    return 0


def _stop(number: int, _frame: FrameType | None) -> NoReturn:
    sys.exit(_INTERRUPTED + number)


if __name__ == "__main__":
    sys.exit(main())
