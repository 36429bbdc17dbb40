"""bench/RESULTS.md in sections, so that each measurement writes its own and leaves the others."""

import platform
import re
from datetime import UTC, datetime
from pathlib import Path

import psutil

RESULTS = Path(__file__).with_name("RESULTS.md")
ROWS = list[tuple[str, str, str]]


def section(
    heading: str,
    said: str,
    rows: ROWS,
    columns: tuple[str, str, str] = ("what", "figure", "beside it"),
) -> str:
    """A heading with its hashes, when and where it was measured, and a table."""
    cpu = f"{psutil.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}"
    head = f"{datetime.now(UTC):%Y-%m-%d}, {cpu}, Valkey 9.1 with appendfsync always; {said}"
    lines = [f"| {' | '.join(cells)} |" for cells in (columns, *rows)]
    return "\n".join([heading, "", head, "", lines[0], "|---|---|---|", *lines[1:], ""])


def put(text: str, path: Path = RESULTS) -> None:
    """Replaces the section of that heading, or adds it at the end."""
    heading = text.partition("\n")[0]
    parts = re.split(r"(?m)^(?=#+ )", path.read_text(encoding="utf-8") if path.exists() else "")
    kept = [text if part.startswith(f"{heading}\n") else part for part in parts if part.strip()]
    path.write_text(
        "\n".join(part.rstrip() + "\n" for part in (kept if text in kept else [*kept, text])),
        encoding="utf-8",
    )
