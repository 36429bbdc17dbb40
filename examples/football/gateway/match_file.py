"""Reads the file of scored matches, and refuses one that can't be served."""

from datetime import date
from typing import Any

from examples.football import file_layout as layout
from inference.blobs.url_files import File

MOST_MATCHES = 1_000_000
MOST_BYTES = 256 * 2**20
EPOCH = date(1970, 1, 1).toordinal()
"""The day from which Arrow counts."""

_SPANS = {
    "date": ("int32", 1 - EPOCH, date.max.toordinal() - EPOCH),
    "scored_at": ("int64", 1, 253_402_300_799_999),
}
"""What Python can write: the years 1 to 9999, the time since 1970, as Arrow keeps them."""


class Unfit(ValueError):
    """A file is there, and is none that can be served."""


def content_of(file: File) -> bytes:
    """Returns what the file holds; raises `Unfit` for one that is too large."""
    if file.size() > MOST_BYTES:
        raise Unfit(f"is larger than the {MOST_BYTES} bytes that a gateway reads")
    return file.read()


def parsed(content: bytes) -> tuple[Any, dict[bytes, bytes]]:
    """Returns the columns that are known, and the metadata; raises `Unfit`."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    wanted = layout.arrow_schema()
    # A team's name once, and not in every row.
    words = [field.name for field in wanted if field.type == pa.string()]
    try:
        found = pq.read_schema(pa.BufferReader(content))
        _check_schema(found, wanted)
        file = pq.ParquetFile(pa.BufferReader(content), read_dictionary=words)
        if file.metadata.num_rows > MOST_MATCHES:
            raise Unfit(f"has more than the {MOST_MATCHES} matches that a gateway keeps")
        table = (
            file.read(columns=wanted.names, use_threads=False)
            .select(wanted.names)
            .unify_dictionaries()
            .combine_chunks()
        )
    except Unfit:
        raise
    except (pa.ArrowException, OSError, ValueError) as error:
        raise Unfit(f"is no whole Parquet file: {str(error).partition(chr(10))[0]}") from error
    _check_values(table)
    # Written out as a number: its zone would need a database.
    place = table.schema.get_field_index("scored_at")
    return table.set_column(place, "scored_at", table["scored_at"].cast("int64")), dict(
        found.metadata
    )


def _check_schema(found: Any, wanted: Any) -> None:
    number = (found.metadata or {}).get(layout.LAYOUT_KEY, b"none").decode(errors="replace")
    if number != layout.LAYOUT:
        raise Unfit(
            f"has the layout {number}, and this gateway reads {layout.LAYOUT}:"
            " run the scoring job of the same release"
        )
    wrong = [
        field.name
        for field in wanted
        if found.get_field_index(field.name) < 0 or found.field(field.name).type != field.type
    ]
    if wrong:
        raise Unfit(f"has another schema: {', '.join(wrong)} missing or of another type")


def _check_values(table: Any) -> None:
    import pyarrow.compute as pc

    gaps = [name for name in table.column_names if table[name].null_count]
    gaps += [
        name for name in layout.SCORES if not pc.all(pc.is_finite(table[name]), min_count=0).as_py()
    ]
    gaps += [
        name for name, span in _SPANS.items() if not _within(table[name].cast(span[0]), *span[1:])
    ]
    if gaps:
        raise Unfit(f"has gaps, or what can't be, in {', '.join(gaps)}")


def _within(numbers: Any, least: int, most: int) -> bool:
    import pyarrow.compute as pc

    ends = pc.min_max(numbers).as_py()
    return ends["min"] is None or (least <= ends["min"] and ends["max"] <= most)
