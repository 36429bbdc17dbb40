"""What a run of the scoring command is told."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from inference.errors import Misconfigured

PARQUET, CSV = "parquet", "csv"
FORMATS = (PARQUET, CSV)


@dataclass(frozen=True, slots=True)
class Options:
    """The command's arguments. `python -m worker.batch --help` says what each is."""

    model_uri: str
    input: str
    output: str
    format: str = ""
    columns: tuple[str, ...] = ()
    params: Mapping[str, Any] = field(default_factory=dict)
    rows_per_batch: int = 256
    rows_per_part: int = 65_536
    prediction: str = "prediction"
    error: str = "error"
    overwrite: bool = False
    fail_fast: bool = False

    def format_of(self, url: str) -> str:
        """Returns the format that a file's name says, else --format; raises `Misconfigured`."""
        suffix = url.partition("?")[0].rpartition(".")[2].lower()
        found = suffix if suffix in FORMATS else self.format
        if not found:
            raise Misconfigured(f"{url} ends neither in .parquet nor in .csv: say --format")
        return found
