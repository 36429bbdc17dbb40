"""Which matches there are, as the model brought them along: date, division and teams by match_id.

A match is scored with the features that the model has on record, so a list of matches from
elsewhere would only name some that it can't score. Training registers both together, so the scoring
job needs the registry and nothing else. The model's metadata name what is read here: `fixtures`, a
parquet inside its folder, and `trained_before`, the first date that the training did not see.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from examples.football.file_layout import ORDER, arrow_schema
from inference.errors import Misconfigured
from worker.models.mlmodel import MLmodel
from worker.models.model_files import path_inside

_COLUMNS = ("match_id", "date", "division", "home_team", "away_team")


@dataclass(frozen=True)
class Upcoming:
    """The matches from a date on, in the order of date and match_id."""

    table: Any
    first: date
    digest: str
    """Of all that the model was registered with, so that no two models share it."""

    def __len__(self) -> int:
        return int(self.table.num_rows)

    def batches(self, rows: int) -> Iterator[Any]:
        """Tables of so many rows; the last may be shorter."""
        for start in range(0, len(self), rows):
            yield self.table.slice(start, rows)


def upcoming(mlmodel: MLmodel, first: date | None) -> Upcoming:
    """Reads the matches from `first` on, by default from the end of the training.

    Raises `Misconfigured` if there is no saying.
    """
    name = mlmodel.metadata.get("fixtures")
    if not name or mlmodel.feature_table is None:
        raise Misconfigured(
            "the model brings no matches along: register it with the metadata `fixtures` and"
            " `feature_table`"
            " (for match-outcome, train it again: python -m examples.football.training)"
        )
    fixtures = path_inside(mlmodel.folder, name, "the model's metadata `fixtures`")
    first = first or _trained_before(mlmodel)
    if first is None:
        raise Misconfigured(
            "the model does not say where its training ended (metadata `trained_before`):"
            " set BATCH_FROM_DATE"
        )
    known = arrow_schema()
    try:
        table = pq.read_table(fixtures, columns=list(_COLUMNS)).cast(
            pa.schema([known.field(name) for name in _COLUMNS])
        )
    except (OSError, ValueError, KeyError) as error:
        raise Misconfigured(
            f"the model's fixtures {fixtures.name} can't be read: {error}"
        ) from error
    if pc.count_distinct(table["match_id"]).as_py() != table.num_rows:
        raise Misconfigured(f"the model's fixtures {fixtures.name} have two rows for one match_id")
    table = table.filter(pc.greater_equal(table["date"], pa.scalar(first)))
    files = (mlmodel.folder / "MLmodel", fixtures, mlmodel.feature_table)
    digest = hashlib.sha256(b"".join(hashlib.sha256(file.read_bytes()).digest() for file in files))
    return Upcoming(
        table.sort_by([(name, "ascending") for name in ORDER]), first, digest.hexdigest()
    )


def _trained_before(mlmodel: MLmodel) -> date | None:
    told = mlmodel.metadata.get("trained_before")
    try:
        return date.fromisoformat(str(told)) if told else None
    except ValueError as error:
        raise Misconfigured(
            f"the model's metadata `trained_before` is {told!r},"
            " which is no date such as 2017-01-31"
        ) from error
