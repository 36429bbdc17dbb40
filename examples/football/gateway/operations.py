"""How the OpenAPI page shows the look-ups."""

from app.http.operation import Answer, Operation

_TAG = "Matches"
_MATCH = {
    "match_id": 6508,
    "date": "2017-05-28",
    "division": "Österreichische Bundesliga",
    "home_team": "Wolfsberger AC",
    "away_team": "SK Sturm Graz",
    "home": 0.298,
    "draw": 0.286,
    "away": 0.416,
    "outcome": "away",
    "model_version": "1",
    "scored_at": "2026-11-22T08:52:30.888Z",
}
LIST_MATCHES = Operation(
    "list_matches",
    _TAG,
    "Upcoming matches, scored before",
    "Use it for tables: no worker is waited for. Go on with `next` as `cursor`.",
    {200: Answer("A page of them, the earliest first.", {"items": [_MATCH], "next": None})},
)
READ_MATCH = Operation(
    "read_match",
    _TAG,
    "One match, scored before",
    "Use it for a match that the scoring job knows: no worker is waited for.",
    {200: Answer("The match and what was scored.", _MATCH)},
)
