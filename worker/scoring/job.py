"""One run, from a table to the same table with a model's answers."""

import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import pyarrow as pa
import structlog

from inference.blobs.url_files import File, file_at, without_secrets
from inference.errors import Misconfigured
from inference.models.description import (
    Checkers,
    Description,
    compile_checkers,
    read_description,
    read_signature,
)
from inference.models.output_schema import result_schema
from worker.child import model_loader
from worker.models import loader
from worker.scoring.joining import Joined, Summary, titles_of
from worker.scoring.options import Options
from worker.scoring.parts import Parts, range_name
from worker.scoring.progress import Progress
from worker.scoring.result_types import WHOLE
from worker.scoring.row_inputs import RowInputs
from worker.scoring.run_identity import RunIdentity, identity_of
from worker.scoring.scorer import Answer, Scorer
from worker.scoring.tables import Table, table_in
from worker.settings import WorkerSettings

log = structlog.get_logger()

PART_S, PART_BYTES = 30.0, 64 * 2**20
"""A part is kept when it is so old or so large, or has --rows-per-part."""


class RowRefused(Exception):
    """With --fail-fast: a row has an error. Its text names the row."""


def run(options: Options, settings: WorkerSettings) -> Summary:
    """Leaves the output. Raises `Misconfigured` with a sentence, and `RowRefused`."""
    source, output = file_at(options.input), file_at(options.output)
    known = without_secrets(options.input)
    table = table_in(source, known, options.format_of(known))
    _check_files(options, source, output, table)
    model, held = _loaded(settings)
    said = read_description((model.mlmodel.folder / "MLmodel").read_bytes())
    inputs = RowInputs(table.schema.names, model.mlmodel, options.columns, table.texts)
    door = _door(said, settings)
    if wrong := door.params.errors(dict(options.params)):
        told = "; ".join(f"{one.field} {one.message}" for one in wrong)
        raise Misconfigured(f"--params: {told}")
    promised = result_schema(said.outputs, said.metadata)
    _check_titles(options, table, list(promised.get("properties", {})))
    made_of = identity_of(options, source, table, settings, held)
    parts = _parts(options, output, made_of)
    scorer = Scorer(model, door, options.params, settings.input_limits, settings.result_nan)
    progress = _Run(options, table, inputs, scorer, parts).score()

    def check_input() -> None:
        if identity_of(options, source, table, settings, held) != made_of:
            raise Misconfigured(f"{known} changed while it was read: run again, with --overwrite")

    check_input()
    joined = Joined(options, table, parts, promised)
    _check_titles(options, table, list(joined.columns))
    summary = joined.write(output, check_input)
    parts.drop()
    _tell(options, summary, progress, scorer.halved)
    return summary


def _check_files(options: Options, source: File, output: File, table: Table) -> None:
    shown = without_secrets(options.output)
    options.format_of(shown)
    if (source.path, type(source.filesystem)) == (output.path, type(output.filesystem)):
        raise Misconfigured("INPUT and OUTPUT are the same file")
    _check_titles(options, table, ())
    try:
        if output.exists() and not options.overwrite and not Parts(output, "").others():
            raise Misconfigured(f"{shown} exists: --overwrite replaces it")
    except OSError as error:
        raise Misconfigured(f"{shown} can't be reached: {error}") from error


def _check_titles(options: Options, table: Table, names: Sequence[str]) -> None:
    added = titles_of(options, names or [WHOLE])
    if there := [title for title in added if title in table.schema.names]:
        raise Misconfigured(
            f"the input has a column {there[0]}, which the output needs for itself:"
            " give another name by --prediction or --error"
        )
    if len(set(added)) < len(added):
        raise Misconfigured(f"two columns of the output would be called {options.error}")


def _loaded(settings: WorkerSettings) -> tuple[Any, Any]:
    """As a worker loads it; a model that the registry does not have is not waited for."""
    uri, where = settings.model_uri, settings.mlflow_tracking_uri
    with suppress(loader.RegistryUnavailable):
        if loader.find(uri, where) is None:
            raise Misconfigured(f"the registry at {without_secrets(where)} has no {uri}")
    return model_loader.load(settings)


def _door(said: Description, settings: WorkerSettings) -> Checkers:
    signature = read_signature(said.inputs, said.params, said.metadata, hinted=said.hinted)
    return compile_checkers(signature, settings.fetch_allowed_networks)


def _parts(options: Options, output: File, made_of: RunIdentity) -> Parts:
    """The parts of this run. Those of another one are in its way, unless it may overwrite."""
    parts = Parts(output, made_of.digest)
    for other in parts.others():
        if not options.overwrite:
            reason = made_of.differs_from(parts.beside(other, RunIdentity.FILE))
            raise Misconfigured(
                f"{without_secrets(options.output)}.parts has parts of another run: {reason};"
                " --overwrite drops them and starts anew"
            )
    if dropped := parts.drop_others():
        log.info("batch.parts_dropped", made_of=dropped)
    parts.beside(made_of.digest, RunIdentity.FILE).replace(made_of.to_bytes())
    return parts


class _Run:
    """Scores what no part has yet, and keeps it in parts."""

    def __init__(
        self, options: Options, table: Table, inputs: RowInputs, scorer: Scorer, parts: Parts
    ) -> None:
        self._options, self._table, self._parts = options, table, parts
        self._inputs, self._scorer = inputs, scorer
        self._answers: list[Answer] = []
        self._end = self._bytes = 0
        self._since = time.monotonic()

    def score(self) -> Progress:
        """Returns what it counted."""
        self._end = begun = self._parts.covered()[1]
        if begun:
            log.info("batch.resumed", rows=begun, of=self._table.rows)
        progress = Progress(self._table.rows, begun)
        self._since = time.monotonic()
        try:
            for batch in self._table.batches(begun, self._options.rows_per_batch):
                answers = self._scorer.answers(list(self._inputs.of(batch)))
                if self._options.fail_fast:
                    _refuse(answers, self._end + len(self._answers))
                self._answers += answers
                self._bytes += sum(len(answer.result or "") for answer in answers)
                errors = sum(answer.error is not None for answer in answers)
                progress.add(len(answers), errors, self._table.share())
                if self._is_full():
                    self._keep()
            self._keep()
        finally:
            progress.end()
        return progress

    def _is_full(self) -> bool:
        return (
            len(self._answers) >= self._options.rows_per_part
            or time.monotonic() - self._since >= PART_S
            or self._bytes >= PART_BYTES
        )

    def _keep(self) -> None:
        if self._answers:
            begin, self._end = self._end, self._end + len(self._answers)
            columns = [
                pa.array(column, pa.large_string()) for column in zip(*self._answers, strict=True)
            ]
            self._parts.keep(range_name(begin, self._end), pa.table(columns, Answer._fields))
        self._answers, self._bytes, self._since = [], 0, time.monotonic()


def _refuse(answers: Sequence[Answer], before: int) -> None:
    for number, answer in enumerate(answers, before + 1):
        if answer.error is not None:
            raise RowRefused(f"row {number}: {answer.error}")


def _tell(options: Options, summary: Summary, progress: Progress, halved: int) -> None:
    shown, rate = without_secrets(options.output), progress.rows_per_s
    log.info(
        "batch.ended",
        rows=summary.rows,
        rows_per_s=round(rate, 1),
        errors=summary.errors,
        halved=halved,
        output=shown,
    )
    hint = f"; {halved} batches were halved: try less --rows-per-batch" if halved else ""
    progress.tell(
        f"{summary.rows:,} rows in {shown}, {rate:,.0f} rows/s, {summary.errors:,} errors{hint}"
    )
