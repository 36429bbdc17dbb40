"""`python -m worker.batch MODEL INPUT OUTPUT`: scores a table with a model, without a service.

`--help` starts nothing, and imports the settings alone.
"""

import csv
import json
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from types import FrameType
from typing import Any, NoReturn

from inference.errors import DeviceBroken, Misconfigured, first_line
from worker.scoring.options import FORMATS, Options

FAILED, WRONG, ROWS_FAILED = 1, 2, 3
_SHOWN = (
    *("mlflow_tracking_uri", "model_code", "model_cache_dir", "result_nan", "start_timeout_s"),
    *("image_max_bytes", "fetch_limit_s", "fetch_allowed_networks", "log_level"),
)


class Stopped(BaseException):
    """The program was told to end; no Exception, since a model's code may catch those."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


def main(arguments: Sequence[str]) -> int:
    """Carries the command out and returns the exit code."""
    from inference.misspelt import warn_of_misspelt
    from inference.telemetry import set_up_logging
    from worker.settings import WorkerSettings

    options = read_options(arguments)
    # The first process of a container is not ended by SIGTERM unless it says how.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    level = os.environ.get("LOG_LEVEL", "").upper()
    level = level if level in ("DEBUG", "WARNING", "ERROR") else "INFO"
    set_up_logging("WARNING" if sys.stderr.isatty() and level == "INFO" else level)
    warn_of_misspelt(os.environ, WorkerSettings.model_fields)
    return score(options)


def score(options: Options) -> int:
    """Does the run, says on standard error why it can't, and returns the exit code."""
    from inference import ca_bundle
    from inference.models.model_address import ModelAddress
    from inference.settings import read_settings
    from worker.settings import WorkerSettings

    try:
        try:
            ModelAddress.read(options.model_uri)
        except ValueError as error:
            raise Misconfigured(str(error)) from error
        settings = read_settings(
            WorkerSettings,
            model_uri=options.model_uri,
            pool="batch",
            max_batch_size=min(options.rows_per_batch, 1024),
        )
        ca_bundle.trust(settings.ca_bundle)
        from worker.scoring.job import RowRefused, run  # takes seconds

        try:
            return ROWS_FAILED if run(options, settings).errors else 0
        except RowRefused as error:
            return _said(f"{error}; without --fail-fast it would stand in the output", ROWS_FAILED)
    except Misconfigured as error:
        return _said(str(error), WRONG)
    except Stopped as stopped:
        name = signal.Signals(stopped.number).name
        return _said(f"stopped by {name}; the same command goes on from here", 128 + stopped.number)
    except DeviceBroken as error:
        return _said(f"the device failed, and the same command goes on from here: {error}", FAILED)
    except Exception as error:  # the model is foreign code, and the place of a file may be away
        return _said(
            f"{type(error).__name__}: {first_line(error)[:300]};"
            " the output is as it was, and the same command goes on from here",
            FAILED,
        )


def read_options(arguments: Sequence[str]) -> Options:
    """Reads the arguments; ends the program with a sentence and code 2 for wrong ones."""
    from inference.command_line import Parser, settings_text
    from worker.settings import WorkerSettings

    parser = Parser(
        prog="python -m worker.batch",
        description="Scores a table with a model of MLflow's registry: the same columns, and the"
        " model's answers beside\nthem. A row's answer is the one that the service gives. The"
        " model is loaded as a worker loads it.",
        epilog=_EPILOG.format(settings=settings_text(WorkerSettings, _SHOWN)),
    )
    add = parser.add_argument
    add("model_uri", metavar="MODEL", help="models:/name@alias or models:/name/version")
    add("input", metavar="INPUT", help="a .parquet or .csv: a path, or a URL such as s3://…")
    add("output", metavar="OUTPUT", help="the same; parts lie in OUTPUT.parts until it is whole")
    add("--format", choices=FORMATS, default="", help="of a file whose name does not say it")
    add(
        "--columns",
        type=_columns,
        default=(),
        metavar="A,B",
        help="for a model whose inputs have no names: its columns in order, or the one that holds"
        " the list or value; all columns unless given",
    )
    add("--params", type=_params, default={}, metavar="JSON", help='as in {"horizon": 3}')
    add(
        "--rows-per-batch",
        type=_count,
        default=256,
        metavar="N",
        help="rows that the model runs at once, 256 unless given; halved where memory runs out",
    )
    add(
        "--rows-per-part",
        type=_count,
        default=65_536,
        metavar="N",
        help="rows after which a part is kept, 65536 unless given; after 30 s it is kept anyway",
    )
    add("--prediction", default="prediction", metavar="NAME", help="the column of the answers")
    add("--error", default="error", metavar="NAME", help="the column of the errors")
    add("--overwrite", action="store_true", help="replace OUTPUT, and parts of another run")
    add("--fail-fast", action="store_true", help="end at the first row with an error")
    return Options(**vars(parser.parse_args(arguments)))


_EPILOG = """\
The output has all columns of the input and `prediction`; a model that answers an object has
`prediction_NAME` for each of its names. `error` says why a row has no answer. A missing
value is null, and empty in a CSV. docs/models.md says more.

A run that was killed goes on when the same command is given again. If the input, the model's
version or the options are others by then, it refuses, and --overwrite starts anew.

Exit codes: 0 all rows have an answer, 3 some have an error, 2 something is wrong with what
was asked, 1 the run failed.

Settings are environment variables, as a worker's. The most important, with their defaults:

{settings}
"""


def _columns(text: str) -> tuple[str, ...]:
    return tuple(next(csv.reader([text]), ()))


def _count(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 10**7:
        raise ValueError
    return int(text)


def _params(text: str) -> Mapping[str, Any]:
    found = json.loads(text)
    if not isinstance(found, dict):
        raise ValueError
    return found


_count.__name__, _params.__name__ = "number of rows", "JSON object"  # what a refusal calls them


def _said(sentence: str, code: int) -> int:
    print(f"batch: {sentence}", file=sys.stderr, flush=True)
    return code


def stop(number: int, _frame: FrameType | None) -> NoReturn:
    """Handles a signal that ends the program."""
    raise Stopped(number)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
