"""How far a run is: a bar for a person at a terminal, else a line of the log at each tenth."""

import sys
import time
from typing import TextIO

import structlog

log = structlog.get_logger()

_LINES, _WIDTH = 10, 24
PAUSE_S = 0.2
"""Between two drawings of the bar."""


class Progress:
    """Counts rows; `begun` are those that an earlier run scored.

    `total` is None where nobody knows it. Then `share` of what is read tells how far it is.
    """

    def __init__(self, total: int | None, begun: int, screen: TextIO | None = None) -> None:
        self._screen = sys.stderr if screen is None else screen
        self._bar = self._screen.isatty()
        self._total, self._begun = total, begun
        self.rows, self.errors = begun, 0
        self._began = self._drawn = time.monotonic()
        self._ended = 0.0
        self._said = 0

    def add(self, rows: int, errors: int, share: float | None = None) -> None:
        """So many more rows are scored, so many of them with an error."""
        self.rows += rows
        self.errors += errors
        part = self.rows / max(1, self._total) if self._total is not None else share or 0.0
        now = time.monotonic()
        if self._bar and now - self._drawn >= PAUSE_S:
            self._drawn = now
            self._screen.write(f"\r{self._line(part)}\x1b[K")
            self._screen.flush()
        elif not self._bar and int(part * _LINES) > self._said:
            log.info("batch.scored", rows=self.rows, of=self._total, errors=self.errors)
        self._said = int(part * _LINES)

    def end(self) -> None:
        """Takes the bar away; the time that counts is over."""
        self._ended = time.monotonic()
        if self._bar:
            self._screen.write("\r\x1b[K")
            self._screen.flush()

    def tell(self, sentence: str) -> None:
        """Says how the run ended, to a person."""
        if self._bar:
            self._screen.write(f"{sentence}\n")

    @property
    def rows_per_s(self) -> float:
        """Rows that this run scored in a second."""
        return (self.rows - self._begun) / max(
            1e-3, (self._ended or time.monotonic()) - self._began
        )

    def _line(self, part: float) -> str:
        full = round(min(1.0, part) * _WIDTH)
        done = part - (self._begun / self._total if self._total else 0)
        spent_s = time.monotonic() - self._began
        left_s = round(spent_s * (1 - part) / done) if done > 0 else 0
        of = f" of {self._total:,}" if self._total is not None else ""
        return (
            f"{'█' * full}{'░' * (_WIDTH - full)} {part:4.0%}  {self.rows:,}{of} rows "
            f" {self.rows_per_s:,.0f} rows/s  {left_s // 60}:{left_s % 60:02} left"
            f"  {self.errors:,} errors"
        )
