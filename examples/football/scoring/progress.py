"""How far a run is: a bar for a person at a terminal, else a line at each tenth.

By rich and not tqdm: where MLflow finds tqdm, it writes bars of its own between a worker's lines.
"""

from types import TracebackType
from typing import Self

import structlog
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

log = structlog.get_logger()
_LINES = 10


class Progress:
    """Counts matches. `begun` are those that an earlier run scored."""

    def __init__(self, total: int, begun: int) -> None:
        console = Console(stderr=True)
        columns = (TextColumn("scoring"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        self._bar = Bar(*columns, console=console, disable=not console.is_terminal)
        self._task = self._bar.add_task("scoring", total=total, completed=begun)
        self._total = total
        self._done = begun
        self._said = self._tenth()

    def add(self, matches: int) -> None:
        """So many more are scored."""
        self._done += matches
        self._bar.update(self._task, advance=matches)
        if self._bar.disable and self._tenth() > self._said:
            log.info("batch.scored", matches=self._done, of=self._total)
        self._said = self._tenth()

    def _tenth(self) -> int:
        return _LINES * self._done // max(self._total, 1)

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._bar.stop()
