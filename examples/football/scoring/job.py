"""One run, from the model to the file.

It takes the model from the registry and its upcoming matches batch by batch. The file comes in one
step at the end.

A file that was made of the same things already is left as it is: the same model says the same of
the same matches, so a schedule may be as tight as one likes.
"""

import hashlib
import math
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import structlog

from examples.football import file_layout as layout
from examples.football.scoring.progress import Progress
from examples.football.scoring.settings import ScoringSettings
from examples.football.scoring.upcoming import Upcoming, upcoming
from inference.blobs.url_files import File, file_at, without_secrets
from inference.errors import InvalidInput, Misconfigured, UnfitAnswer
from inference.retry import wait_at_start
from worker.child.oom_split import predict_in_halves
from worker.models import Model, loader
from worker.scoring.parts import Parts, to_bytes

log = structlog.get_logger()


def run(settings: ScoringSettings) -> None:
    """Leaves the file up to date.

    Raises `Misconfigured` with a sentence, and whatever the model raises.
    """
    output = file_at(settings.batch_output_url)
    resolved = wait_at_start(
        "the registry did not give it",
        lambda: loader.resolve(settings.model_uri, settings.mlflow_tracking_uri),
        settings.start_timeout_s,
        loader.RegistryUnavailable,
    )
    model = loader.load(resolved, settings.mlflow_tracking_uri, model_code=settings.model_code)
    matches = upcoming(model.mlmodel, settings.batch_from_date)
    made_of = _digest(layout.LAYOUT, model.name, model.version, matches.first, matches.digest)
    told = {
        "model": model.name,
        "version": model.version,
        "from_date": matches.first,
        "matches": len(matches),
    }
    if _made_of(output) == made_of:
        log.info("batch.up_to_date", **told)
        return
    log.info(
        "batch.began",
        **told,
        device=model.device,
        output=without_secrets(settings.batch_output_url),
    )
    model.warm_up(min(settings.batch_size, max(1, len(matches))))
    parts = Parts(output, f"{made_of}-{settings.batch_size}")
    for other in parts.drop_others():
        log.info("batch.parts_dropped", made_of=other)
    table = _score(model, matches, parts, settings.batch_size)
    if len(matches) and not table.num_rows:
        raise Misconfigured(
            f"{model.name} {model.version} refused every match, so the file is left as it was"
        )
    output.replace(to_bytes(table.replace_schema_metadata(_metadata(model, matches, made_of))))
    parts.drop()
    log.info("batch.ended", **told, scored=table.num_rows)


def _score(model: Model, matches: Upcoming, parts: Parts, batch_size: int) -> Any:
    """Scores what no part has yet, and returns all."""
    scored = _kept(parts)
    batches = list(matches.batches(batch_size))
    begun = sum(batch.num_rows for number, batch in enumerate(batches) if number in scored)
    if begun:
        log.info("batch.resumed", matches=begun, of=len(matches))
    with Progress(len(matches), begun) as progress:
        for number, batch in enumerate(batches):
            if number not in scored:
                scored[number] = _scored(model, batch, lambda: log.info("batch.halved"))
                parts.keep(f"{number:06}", scored[number])
                progress.add(batch.num_rows)
    return pa.concat_tables(
        [layout.arrow_schema().empty_table(), *(scored[number] for number in range(len(batches)))]
    )


def _kept(parts: Parts) -> dict[int, Any]:
    """What an earlier run scored, as tables by the numbers of their batches."""
    tables = {int(name): parts.read(name) for name in parts.names()}
    return {
        number: table
        for number, table in tables.items()
        if table is not None and table.schema.equals(layout.arrow_schema())
    }


def _scored(model: Model, batch: Any, halved: Callable[[], object]) -> Any:
    """The batch with its scores; without the matches that the model refuses, which are told."""
    rows = batch.to_pylist()
    results = predict_in_halves(
        model.predict, [{"match_id": row["match_id"]} for row in rows], halved
    )
    own = {"model_version": model.version, "scored_at": datetime.now(UTC)}
    good = []
    for row, result in zip(rows, results, strict=True):
        if isinstance(result, InvalidInput | UnfitAnswer):
            log.warning("batch.refused", match_id=row["match_id"], reason=str(result))
        else:
            good.append(row | _scores(result, model) | own)
    return pa.Table.from_pylist(good, layout.arrow_schema())


def _scores(result: Any, model: Model) -> dict[str, Any]:
    wanted = (*layout.SCORES, "outcome")
    if not isinstance(result, dict) or set(wanted) - set(result):
        raise Misconfigured(
            f"{model.name} {model.version} is no model of matches:"
            f" its results need {', '.join(wanted)}"
        )
    if result["outcome"] is None or not all(math.isfinite(result[name]) for name in layout.SCORES):
        raise Misconfigured(f"{model.name} {model.version} answered a score that is not finite")
    return {name: result[name] for name in wanted}


def _made_of(output: File) -> str:
    """What the file that is there was made of; '' for none, or none of this layout."""
    try:
        metadata = pq.read_schema(pa.BufferReader(output.read())).metadata or {}
    except (OSError, ValueError):  # Arrow's errors are ValueErrors
        return ""
    current = metadata.get(layout.LAYOUT_KEY) == layout.LAYOUT.encode()
    return metadata.get(layout.DIGEST_KEY, b"").decode() if current else ""


def _metadata(model: Model, matches: Upcoming, made_of: str) -> dict[bytes, str]:
    return {
        layout.LAYOUT_KEY: layout.LAYOUT,
        layout.DIGEST_KEY: made_of,
        layout.MODEL_KEY: model.name,
        layout.VERSION_KEY: model.version,
        layout.FROM_KEY: matches.first.isoformat(),
        layout.WRITTEN_KEY: datetime.now(UTC).isoformat(timespec="milliseconds"),
    }


def _digest(*parts: object) -> str:
    return hashlib.sha256("\0".join(map(str, parts)).encode()).hexdigest()[:32]
