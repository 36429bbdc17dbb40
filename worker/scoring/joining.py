"""Joins the parts of a run with its input into the output.

The input is read once more, and a few rows of it and of the parts are in memory at a time.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from inference.blobs.url_files import File, without_secrets
from worker.scoring.options import Options
from worker.scoring.parts import Parts
from worker.scoring.result_types import WHOLE, columns_of
from worker.scoring.scorer import Answer
from worker.scoring.tables import Table
from worker.scoring.writers import writer_of

DRAFT = "joined.draft"


@dataclass(frozen=True, slots=True)
class Summary:
    """What a run did."""

    rows: int
    errors: int


class Joined:
    """The output of a run whose parts are all there; `promised` is the schema of a result."""

    def __init__(
        self, options: Options, table: Table, parts: Parts, promised: dict[str, Any]
    ) -> None:
        self._options, self._table, self._parts = options, table, parts
        self._chain, self._rows = parts.covered()
        self.columns = columns_of(self._results, promised)
        """Of the answers."""

    def write(self, output: File, check_input: Callable[[], None]) -> Summary:
        """Replaces the output, once `check_input` has found the input unchanged.

        A draft of a local file is among the parts, so that it goes with them; that of an object is
        in TMPDIR.
        """
        options, errors = self._options, 0
        form = options.format_of(without_secrets(options.output))
        titles = titles_of(options, list(self.columns))
        with TemporaryDirectory() as folder:
            draft = Path(self._parts.folder if output.local else folder) / DRAFT
            answers = self._answers(self._chain)
            with writer_of(form, draft, self._table.schema, titles, self.columns) as writer:
                for batch in self._table.batches(0, options.rows_per_batch):
                    some = list(islice(answers, batch.num_rows))
                    told = [answer.error for answer in some]
                    errors += sum(one is not None for one in told)
                    writer.write(batch, [_value(answer.result) for answer in some], told)
            check_input()
            output.replace_by(draft)
        return Summary(self._rows, errors)

    def _answers(self, names: Sequence[str]) -> Iterator[Answer]:
        for name in names:
            table = self._parts.read(name)
            if table is None:
                raise OSError(f"the part {name} can't be read any more")
            columns = [column.to_pylist() for column in table.columns]
            yield from map(Answer._make, zip(*columns, strict=True))

    def _results(self) -> Iterator[list[Any]]:
        for name in self._chain:
            yield [_value(answer.result) for answer in self._answers([name])]


def titles_of(options: Options, names: Sequence[str]) -> list[str]:
    """Returns what the columns of the answers are called in the output, and that of the errors."""
    titles = [
        options.prediction if name == WHOLE else f"{options.prediction}_{name}" for name in names
    ]
    return [*titles, options.error]


def _value(result: str | None) -> Any:
    """By Python's own reader, which keeps every digit of a large integer."""
    return None if result is None else json.loads(result)
