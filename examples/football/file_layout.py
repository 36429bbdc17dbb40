"""The Parquet file of scored matches, as the scoring job writes it and the gateway reads it.

Its metadata carries the version of this layout: a reader takes its own alone, and more columns than
it knows. A change that an older reader would misread gets another number.
"""

from typing import Any

LAYOUT = "1"
LAYOUT_KEY = b"inference.layout"
DIGEST_KEY = b"inference.made_of"
"""The key of the digest of all that the file was made of.

That is the model's version, the first date and the data. The same digest is the same file.
"""
MODEL_KEY = b"inference.model"
VERSION_KEY = b"inference.model_version"
FROM_KEY = b"inference.from_date"
WRITTEN_KEY = b"inference.written_at"

SCORES = ("home", "draw", "away")
ORDER = ("date", "match_id")


def arrow_schema() -> Any:
    """The columns; none may be null."""
    import pyarrow as pa

    text, number = pa.string(), pa.float64()
    columns: dict[str, Any] = {
        "match_id": pa.int64(),
        "date": pa.date32(),
        "division": text,
        "home_team": text,
        "away_team": text,
    }
    columns |= dict.fromkeys(SCORES, number)
    columns |= {"outcome": text, "model_version": text, "scored_at": pa.timestamp("ms", tz="UTC")}
    return pa.schema([pa.field(name, kind, nullable=False) for name, kind in columns.items()])
