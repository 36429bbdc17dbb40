"""What is known about a match before it is played, from the results of earlier dates alone.

A feature that saw the match itself, or one played the same day, would look brilliant in training
and be worthless in service. So matches are taken date by date: first every match of a date gets its
features from the teams' past, and only then do the date's results become past. A match without a
score gets features and leaves no trace.

Ratings are Elo's (A. Elo, The Rating of Chessplayers, 1978) in the form that weighs a win by its
goal difference (Hvattum and Arntzen, Using ELO ratings for match result prediction in association
football, International Journal of Forecasting 26, 2010). Divisions never meet in these data, so a
newcomer starts among the weakest of its own division.
"""

from collections import defaultdict, deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from statistics import fmean
from typing import NamedTuple, cast

import pandas as pd

_START_RATING = 1500.0
_NEWCOMERS_AMONG = 3
_STEP = 10.0
_HOME_ADVANTAGE = 65.0
_KEPT_OVER_SUMMER = 0.8
_WINDOW = 10
_PRIOR_POINTS = 1.35
_PRIOR_GOALS = 1.35
_USUAL_REST = 7.0
_LONGEST_REST = 14.0

_SIDE = (
    "rating",
    "points_5",
    "points_10",
    "goals_for_10",
    "goals_against_10",
    "venue_points_5",
    "venue_goal_difference_5",
    "rest_days",
)
FEATURES: tuple[str, ...] = (
    *(f"home_{name}" for name in _SIDE),
    *(f"away_{name}" for name in _SIDE),
    "rating_difference",
    "expected_home_score",
    "rest_difference",
)
"""The columns, in order.

Points are 3, 1 or 0 a match, goals are per match, a suffix tells how many matches back. `venue`
counts the home team's home matches and the away team's away matches. Rating differences are Elo
points, the expected score is 0 to 1. Rest days are those since the team's last match with a result,
14 at most, and 7 for its first of a season. A summer is no rest that tells teams apart. Rest days
count league matches alone, for the file has no others.
"""

ELO = ("rating_difference", "expected_home_score")
"""What Elo's ratings alone say of a match; a network starts from them."""

OUTCOMES = ("home", "draw", "away")


class Played(NamedTuple):
    """One team's side of a match that was played."""

    at_home: bool
    scored: int
    conceded: int

    @property
    def points(self) -> int:
        return 3 * (self.scored > self.conceded) + (self.scored == self.conceded)


class Fixture(NamedTuple):
    """A match as the file has it; the scores are None while it is to come."""

    match_id: int
    date: date
    division: str
    home_team: str
    away_team: str
    home_score: int | None
    away_score: int | None


@dataclass
class Team:
    """Holds a team's past.

    That is its rating, its last matches, all of them and by venue, and when it last played.
    """

    rating: float
    played_on: date | None = None
    recent: deque[Played] = field(default_factory=lambda: deque(maxlen=_WINDOW))
    at_home: deque[Played] = field(default_factory=lambda: deque(maxlen=5))
    away: deque[Played] = field(default_factory=lambda: deque(maxlen=5))

    def play(self, day: date, match: Played) -> None:
        self.played_on = day
        self.recent.append(match)
        (self.at_home if match.at_home else self.away).append(match)

    def describe(self, day: date, at_home: bool) -> list[float]:
        """The features of one side of a match on that day, in the order of `_SIDE`."""
        venue = self.at_home if at_home else self.away
        return [
            self.rating,
            _mean((p.points for p in list(self.recent)[-5:]), _PRIOR_POINTS),
            _mean((p.points for p in self.recent), _PRIOR_POINTS),
            _mean((p.scored for p in self.recent), _PRIOR_GOALS),
            _mean((p.conceded for p in self.recent), _PRIOR_GOALS),
            _mean((p.points for p in venue), _PRIOR_POINTS),
            _mean((p.scored - p.conceded for p in venue), 0.0),
            self.rest(day),
        ]

    def rest(self, day: date) -> float:
        if self.played_on is None or _season(self.played_on) != _season(day):
            return _USUAL_REST
        return min(float((day - self.played_on).days), _LONGEST_REST)


class Division:
    """A division's teams; its members play each other alone."""

    def __init__(self) -> None:
        self.teams: dict[str, Team] = {}
        self._season = 0
        self._opened = 0

    def begin(self, day: date, names: Iterable[str]) -> None:
        """Lets a new season pull the ratings together, and admits teams not seen before."""
        season = _season(day)
        self._opened = self._opened or season
        if season != self._season:
            self._season = season
            for team in self.teams.values():
                team.rating = _START_RATING + _KEPT_OVER_SUMMER * (team.rating - _START_RATING)
        newcomers = [name for name in names if name not in self.teams]
        weakest = sorted(team.rating for team in self.teams.values())[:_NEWCOMERS_AMONG]
        rating = _START_RATING if season == self._opened else fmean(weakest)
        self.teams.update((name, Team(rating)) for name in newcomers)

    def record(self, day: date, home: str, away: str, home_score: int, away_score: int) -> None:
        first, second = self.teams[home], self.teams[away]
        gain = _gain(first.rating, second.rating, home_score - away_score)
        first.rating += gain
        second.rating -= gain
        first.play(day, Played(True, home_score, away_score))
        second.play(day, Played(False, away_score, home_score))


class History:
    """All that was played before a date."""

    def __init__(self) -> None:
        self._divisions: defaultdict[str, Division] = defaultdict(Division)

    def begin(self, day: date, matches: Sequence[Fixture]) -> None:
        """Admits all teams of a date before any of its matches is described."""
        for name in sorted({match.division for match in matches}):
            teams = [
                team
                for match in matches
                if match.division == name
                for team in (match.home_team, match.away_team)
            ]
            self._divisions[name].begin(day, teams)

    def describe(self, match: Fixture) -> list[float]:
        """The features of a match whose date has begun, in the order of `FEATURES`."""
        division = self._divisions[match.division]
        home, away = division.teams[match.home_team], division.teams[match.away_team]
        return [
            *home.describe(match.date, at_home=True),
            *away.describe(match.date, at_home=False),
            home.rating - away.rating,
            _expected(home.rating, away.rating),
            home.rest(match.date) - away.rest(match.date),
        ]

    def record(self, match: Fixture) -> None:
        """Makes a result past; a match without one leaves no trace."""
        if match.home_score is None or match.away_score is None:
            return
        division = self._divisions[match.division]
        division.record(
            match.date, match.home_team, match.away_team, match.home_score, match.away_score
        )


def read_matches(path: Path) -> list[Fixture]:
    """Reads the file of matches; raises ValueError when they are not in date order."""
    table = pd.read_csv(path, parse_dates=["date"])
    if not table["date"].is_monotonic_increasing:
        raise ValueError(f"{path} is not in date order")
    rows = (
        table.astype({"home_score": "Int64", "away_score": "Int64"})
        .astype(object)
        .itertuples(index=False)
    )
    return [_fixture(cast(Sequence[object], row)) for row in rows]


def compute(matches: Sequence[Fixture]) -> pd.DataFrame:
    """Returns one row of features a match, indexed by `match_id`.

    Its columns are `FEATURES` in float64, without gaps.
    """
    by_date: defaultdict[date, list[Fixture]] = defaultdict(list)
    for match in matches:
        by_date[match.date].append(match)
    history = History()
    rows: dict[int, list[float]] = {}
    for day in sorted(by_date):
        history.begin(day, by_date[day])
        rows.update((match.match_id, history.describe(match)) for match in by_date[day])
        for match in by_date[day]:
            history.record(match)
    table = pd.DataFrame.from_dict(rows, orient="index", columns=list(FEATURES), dtype="float64")
    return table.rename_axis("match_id").loc[[match.match_id for match in matches]]


def fixtures(matches: Sequence[Fixture]) -> pd.DataFrame:
    """Returns the two teams and the date of each match, a row a match.

    It leaves out the result: a row is what is known of a match to come.
    """
    columns = ("match_id", "date", "division", "home_team", "away_team")
    return pd.DataFrame(
        [[getattr(match, name) for name in columns] for match in matches], columns=list(columns)
    )


def outcome(match: Fixture) -> int | None:
    """The place in `OUTCOMES` of how a match ended, None while it is to come."""
    if match.home_score is None or match.away_score is None:
        return None
    return (
        1
        if match.home_score == match.away_score
        else 0
        if match.home_score > match.away_score
        else 2
    )


def _fixture(row: Sequence[object]) -> Fixture:
    number, day, division, home, away, home_score, away_score = row
    return Fixture(
        int(cast(int, number)),
        cast(pd.Timestamp, day).date(),
        str(division),
        str(home),
        str(away),
        None if home_score is pd.NA else int(cast(int, home_score)),
        None if away_score is pd.NA else int(cast(int, away_score)),
    )


def _expected(home: float, away: float) -> float:
    """Elo's expected score of the home team, 0 to 1."""
    return float(1 / (1 + 10 ** ((away - home - _HOME_ADVANTAGE) / 400)))


def _gain(home: float, away: float, difference: int) -> float:
    """Returns the points that the home team's rating gains and the other's loses.

    `difference` is the goal difference (Hvattum and Arntzen's ELO_g, λ = 1).
    """
    score = 0.5 if difference == 0 else float(difference > 0)
    return _STEP * (1 + abs(difference)) * (score - _expected(home, away))


def _season(day: date) -> int:
    """The year in which a season began; they begin in July."""
    return (day - timedelta(days=181)).year


def _mean(values: Iterable[float], otherwise: float) -> float:
    numbers = list(values)
    return fmean(numbers) if numbers else otherwise
