"""A match's features come from earlier dates alone."""

from datetime import date, timedelta

import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from examples.football.features import FEATURES, Fixture, compute, outcome, read_matches
from tests.models.conftest import REPOSITORY

TEAMS = ("Arsenal", "Burnley", "Chelsea", "Everton", "Fulham", "Leeds")


@st.composite
def seasons(draw: st.DrawFn) -> list[Fixture]:
    """Some weeks of matches, two or three on a date, over the turn of a season."""
    matches: list[Fixture] = []
    day = date(2015, 5, 1)
    for _ in range(draw(st.integers(2, 10))):
        day += timedelta(days=draw(st.integers(1, 30)))
        teams = draw(st.permutations(TEAMS))
        for home, away in list(zip(teams[::2], teams[1::2], strict=True))[
            : draw(st.integers(2, 3))
        ]:
            scores = draw(st.tuples(st.integers(0, 6), st.integers(0, 6)))
            matches.append(Fixture(len(matches) + 1, day, "First", home, away, *scores))
    return matches


def with_score(match: Fixture, home: int | None, away: int | None) -> Fixture:
    return match._replace(home_score=home, away_score=away)


@settings(max_examples=60, deadline=None)
@given(seasons(), st.data())
def test_no_result_of_its_own_date_or_later_changes_a_match(
    matches: list[Fixture], data: st.DataObject
) -> None:
    day = data.draw(st.sampled_from(sorted({match.date for match in matches})))
    scores = st.one_of(st.tuples(st.integers(0, 9), st.integers(0, 9)), st.just((None, None)))
    other = [
        match if match.date < day else with_score(match, *data.draw(scores)) for match in matches
    ]
    until = [match.match_id for match in matches if match.date <= day]
    pd.testing.assert_frame_equal(compute(matches).loc[until], compute(other).loc[until])


@settings(max_examples=30, deadline=None)
@given(seasons())
def test_matches_that_are_still_to_come_change_nothing(matches: list[Fixture]) -> None:
    early = [match for match in matches if match.date < matches[-1].date]
    pd.testing.assert_frame_equal(
        compute(matches).loc[[match.match_id for match in early]], compute(early)
    )


def test_the_order_of_matches_on_one_date_does_not_matter() -> None:
    matches = read_matches(REPOSITORY / "examples" / "football" / "data" / "matches.csv")[:600]
    shuffled = sorted(matches, key=lambda match: (match.date, -match.match_id))
    pd.testing.assert_frame_equal(
        compute(matches), compute(shuffled).loc[[match.match_id for match in matches]]
    )


def test_an_earlier_result_does_change_a_match() -> None:
    first = Fixture(1, date(2015, 8, 1), "First", "Leeds", "Fulham", 3, 0)
    second = Fixture(2, date(2015, 8, 8), "First", "Fulham", "Leeds", None, None)
    row = compute([first, second]).loc[2]
    assert row["rating_difference"] < 0
    assert (row["away_points_5"], row["away_goals_for_10"], row["home_goals_against_10"]) == (
        3,
        3,
        3,
    )
    assert row["home_rating"] + row["away_rating"] == 3000


@settings(max_examples=60, deadline=None)
@given(seasons())
def test_rest_is_counted_from_the_last_earlier_date_with_a_result_in_the_season(
    matches: list[Fixture],
) -> None:
    matches = [
        with_score(match, None, None) if match.match_id % 4 == 0 else match for match in matches
    ]
    table = compute(matches)
    for match in matches:
        opened = date(match.date.year - (match.date.month < 7), 7, 1)
        for side, team in (("home", match.home_team), ("away", match.away_team)):
            played = [
                m.date
                for m in matches
                if team in (m.home_team, m.away_team) and outcome(m) is not None
            ]
            earlier = [day for day in played if opened <= day < match.date]
            expected = min((match.date - max(earlier)).days, 14) if earlier else 7
            assert table.loc[match.match_id, f"{side}_rest_days"] == expected
    difference = table["home_rest_days"] - table["away_rest_days"]
    pd.testing.assert_series_equal(table["rest_difference"], difference, check_names=False)


def test_a_newcomer_starts_among_the_weakest_of_its_division() -> None:
    days = [date(2015, 8, 1) + timedelta(days=7 * week) for week in range(10)]
    season = [Fixture(n, day, "First", "Leeds", "Fulham", 5, 0) for n, day in enumerate(days)]
    row = compute(
        [*season, Fixture(10, date(2016, 8, 1), "First", "Leeds", "Burnley", None, None)]
    ).loc[10]
    assert row["away_rating"] <= 1500 < row["home_rating"]


def test_every_match_of_the_file_has_every_feature() -> None:
    matches = read_matches(REPOSITORY / "examples" / "football" / "data" / "matches.csv")
    table = compute(matches)
    assert tuple(table.columns) == FEATURES
    assert list(table.index) == [match.match_id for match in matches]
    assert not table.isna().any(axis=None)
    assert [match.match_id for match in matches if outcome(match) is None] == [
        4752,
        4787,
        4828,
        4867,
    ]
