"""Tests what a gateway holds of the file of matches, look by look.

The file is missing, its path leads nowhere, or it is out of reach.
"""

import asyncio
from pathlib import Path

import pytest
import structlog
from prometheus_client import CollectorRegistry

from examples.football.gateway.metrics import LookupMetrics
from examples.football.gateway.scored_matches import Matches, MatchesUnavailable
from inference.blobs.url_files import file_at
from testkit.match_file import content, lead_in_a_circle, season, write_matches

SEASON = season(40)


def looked_at(url: str) -> Matches:
    """What a gateway would hold after its first look."""
    matches = Matches(url, 1.0, LookupMetrics(CollectorRegistry()))
    if url:
        matches._look()
        matches._looked.set()
    return matches


def test_a_gateway_that_was_told_of_no_file_says_so() -> None:
    with pytest.raises(MatchesUnavailable, match="BATCH_OUTPUT_URL names none"):
        asyncio.run(looked_at("").current())


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("nonsense://bucket/x", "nonsense://bucket/x is no place for a file"),
        ("s3://key:secret@bucket/x?nonsense=1", "s3://bucket/x is no place for a file"),
        ("s3://key:secret@buc ket/x", "s3://buc ket/x is no place for a file"),
    ],
)
def test_a_url_that_leads_nowhere_is_said_without_its_secrets(url: str, why: str) -> None:
    with pytest.raises(MatchesUnavailable) as told:
        asyncio.run(looked_at(url).current())
    assert why in str(told.value)
    assert "secret" not in str(told.value)


def test_an_object_store_is_read_by_its_url() -> None:
    store = file_at("memory://bucket/matches.parquet")
    matches = looked_at("memory://bucket/matches.parquet")
    with pytest.raises(MatchesUnavailable, match="nothing is at memory://bucket/matches"):
        asyncio.run(matches.current())
    for version in ("1", "2"):
        store.replace(content(season(3, version)))
        matches._look()
        row = asyncio.run(matches.current()).one(100)
        assert row is not None
        assert row["model_version"] == version


def test_each_time_that_a_file_is_out_of_reach_is_logged_once(tmp_path: Path) -> None:
    """The file stays the same, so nothing is read meanwhile; what leads to it comes and goes."""
    folder, way = tmp_path / "folder", tmp_path / "way"
    write_matches(folder / "matches.parquet", SEASON)
    way.symlink_to(folder)
    matches = looked_at(str(way / "matches.parquet"))
    with structlog.testing.capture_logs() as said:
        for _ in range(2):
            lead_in_a_circle(way)
            matches._look()
            matches._look()
            assert len(asyncio.run(matches.current())) == len(SEASON)
            way.unlink()
            way.symlink_to(folder)
            matches._look()
    assert [(line["event"], line["matches"]) for line in said] == [
        ("matches.kept", len(SEASON))
    ] * 2


def test_a_file_out_of_reach_from_the_first_is_said_to_be(tmp_path: Path) -> None:
    lead_in_a_circle(tmp_path / "way")
    with pytest.raises(MatchesUnavailable, match=r"can't be read: .*Too many levels"):
        asyncio.run(looked_at(str(tmp_path / "way" / "matches.parquet")).current())
