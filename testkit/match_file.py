"""Files of scored matches as the scoring job would write them, and as it never would."""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa

from examples.football import file_layout as layout
from inference.blobs.url_files import file_at
from worker.scoring.parts import to_bytes

FIRST = date(2017, 1, 1)
DIVISIONS = ("Bundesliga", "Österreichische Bundesliga", "Serie A")
Row = dict[str, Any]


def match(
    match_id: int, day: date = FIRST, division: str = DIVISIONS[0], version: str = "1"
) -> Row:
    """A row; its scores tell its id."""
    home = (abs(match_id) % 90) / 100
    row = {
        "match_id": match_id,
        "date": day,
        "division": division,
        "home_team": f"home {match_id}",
        "away_team": f"away {match_id}",
    }
    scores = {
        "home": home,
        "draw": 0.1,
        "away": 0.9 - home,
        "outcome": "home" if home > 0.45 else "away",
    }
    return (
        row
        | scores
        | {"model_version": version, "scored_at": datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)}
    )


def season(count: int, version: str = "1") -> list[Row]:
    """Matches from id 100 on, three a day, a division each, the earliest first."""
    return [
        match(100 + n, FIRST + timedelta(days=n // 3), DIVISIONS[n % 3], version)
        for n in range(count)
    ]


def content(rows: Sequence[Mapping[str, Any]], schema: Any = None, **metadata: str) -> bytes:
    """A whole file; metadata by the last words of its keys."""
    told = {
        layout.LAYOUT_KEY: layout.LAYOUT,
        layout.VERSION_KEY: "1",
        layout.WRITTEN_KEY: "2026-01-02T03:04:05+00:00",
    }
    told |= {f"inference.{name}".encode(): value for name, value in metadata.items()}
    table = pa.Table.from_pylist(
        [dict(row) for row in rows], schema=schema or layout.arrow_schema()
    )
    return to_bytes(table.replace_schema_metadata(told))


def write_matches(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Replaces the file as the job does."""
    file_at(str(path)).replace(content(rows))


def lead_in_a_circle(path: Path) -> None:
    """Puts a link to itself there, in one step.

    It can't be followed, which is an error other than that nothing is there.
    """
    link = path.with_name("circle")
    link.symlink_to(path)
    link.replace(path)
