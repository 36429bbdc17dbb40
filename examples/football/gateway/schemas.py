"""Each answer, defined once, and what can be wrong. See app/http/schemas.py."""

from datetime import date

from typing_extensions import TypedDict

from app.http.problems import ProblemKind


class MatchProblem(ProblemKind):
    """The problems that only look-ups have."""

    UNKNOWN_MATCH = ("unknown-match", 404, "No such match")
    NO_MATCHES = ("no-scored-matches", 503, "There are no scored matches to look up")


class Match(TypedDict):
    """An upcoming match as the scoring job scored it."""

    match_id: int
    date: date
    division: str
    home_team: str
    away_team: str
    home: float
    draw: float
    away: float
    outcome: str
    model_version: str
    scored_at: str


class MatchPage(TypedDict):
    """By date and match_id; `next` goes on from here, null at the end."""

    items: list[Match]
    next: str | None
