"""The matches that a model brings along, for the scoring job."""

from dataclasses import replace
from datetime import date
from pathlib import Path

import pandas as pd
import pytest

from examples.football.scoring.upcoming import upcoming
from inference.errors import InvalidInput, Misconfigured
from worker.models.loaded import LoadedModel
from worker.models.loader import load, resolve
from worker.models.mlmodel import MLmodel


@pytest.fixture(scope="module")
def model(registry: str) -> LoadedModel:
    return load(resolve("models:/match-outcome@production", registry), registry)


def test_match_outcome_brings_the_matches_after_its_training_and_predicts_each(
    model: LoadedModel,
) -> None:
    matches = upcoming(model.mlmodel, None)
    assert (len(matches), matches.first) == (1626, date(2016, 7, 1))
    rows = [row for batch in matches.batches(500) for row in batch.to_pylist()]
    assert min(row["date"] for row in rows) >= matches.first
    answers = model.predict([{"match_id": row["match_id"]} for row in rows])
    assert not [answer for answer in answers if isinstance(answer, InvalidInput)]
    assert rows[-1] == {
        "match_id": 6508,
        "date": date(2017, 5, 28),
        "division": "Österreichische Bundesliga",
        "home_team": "Wolfsberger AC",
        "away_team": "SK Sturm Graz",
    }


def test_another_first_date_can_be_chosen(model: LoadedModel) -> None:
    assert len(upcoming(model.mlmodel, date(2017, 5, 28))) == 15
    assert len(upcoming(model.mlmodel, date(2020, 1, 1))) == 0


def test_a_model_that_does_not_say_when_its_training_ended_needs_a_date(model: LoadedModel) -> None:
    silent = replace(model.mlmodel, metadata={**model.mlmodel.metadata, "trained_before": None})
    with pytest.raises(Misconfigured, match="set BATCH_FROM_DATE"):
        upcoming(silent, None)
    assert len(upcoming(silent, date(2017, 5, 28))) == 15
    wrong = replace(model.mlmodel, metadata={**model.mlmodel.metadata, "trained_before": "soon"})
    with pytest.raises(Misconfigured, match="`trained_before` is 'soon', which is no date"):
        upcoming(wrong, None)


def changed(mlmodel: MLmodel, folder: Path, table: pd.DataFrame) -> MLmodel:
    """The description of a model that brings another table of matches."""
    table.to_parquet(folder / "fixtures.parquet")
    return replace(
        mlmodel, folder=folder, metadata={**mlmodel.metadata, "fixtures": "fixtures.parquet"}
    )


def test_matches_that_can_not_be_told_apart_or_lack_a_column_are_refused(
    model: LoadedModel, tmp_path: Path
) -> None:
    table = pd.read_parquet(model.mlmodel.folder / model.mlmodel.metadata["fixtures"])
    with pytest.raises(Misconfigured, match="two rows for one match_id"):
        upcoming(changed(model.mlmodel, tmp_path, pd.concat([table, table.head(1)])), None)
    with pytest.raises(Misconfigured, match=r"fixtures.parquet can't be read"):
        upcoming(changed(model.mlmodel, tmp_path, table.drop(columns="division")), None)
