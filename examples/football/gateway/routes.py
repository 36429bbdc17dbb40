"""The calls that look up what the scoring job scored: one match, and pages of them."""

import re
from collections.abc import Callable
from datetime import date
from typing import Annotated, Any, cast

from fastapi import FastAPI, Header, Path, Query
from pydantic import BeforeValidator, WithJsonSchema
from pydantic_core import PydanticCustomError
from starlette.responses import Response

from app.http import routes
from app.http.problems import Kind, Problem
from app.http.responses import json_response, rfc3339
from examples.football.gateway.operations import LIST_MATCHES, READ_MATCH
from examples.football.gateway.schemas import Match, MatchPage, MatchProblem
from examples.football.gateway.scored_matches import (
    Matches,
    MatchesUnavailable,
    MatchTable,
    Place,
    Wanted,
)

MOST_IN_A_PAGE = 100
RETRY_S = "30"
"""For a file that a job is to write."""

_DAY_BIAS, _ID_BIAS = 2**31, 2**63


def _match_id(text: str) -> int:
    """Python's own reading would take ١٢, 1_000 and spaces."""
    if not re.fullmatch(r"-?[0-9]{1,19}", text) or not -_ID_BIAS <= int(text) < _ID_BIAS:
        raise PydanticCustomError("match_id", "must be an integer of 64 bits")
    return int(text)


def _day(text: Any) -> Any:
    """Pydantic's own reading would take seconds since 1970."""
    try:
        if text is None or re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text):
            return text and date.fromisoformat(text)
    except ValueError:
        pass
    raise PydanticCustomError("date", "must be a date such as 2017-01-31")


def _place(text: Any) -> Any:
    """A page's `next`, as `cursor_of` writes it."""
    if text is None:
        return None
    if not re.fullmatch(r"[0-9a-f]{24}", text):
        raise PydanticCustomError("cursor", "must be the `next` of a page")
    return Place(int(text[:8], 16) - _DAY_BIAS, int(text[8:], 16) - _ID_BIAS)


def cursor_of(place: Place) -> str:
    """Writes where a page ended; of fixed width, so that any such text is a place."""
    return f"{place.day + _DAY_BIAS:08x}{place.match_id + _ID_BIAS:016x}"


# What pydantic says of a type is not what these readers take, so each says itself.
_AN_ID = {"type": "integer", "minimum": -_ID_BIAS, "maximum": _ID_BIAS - 1}
_A_DAY = {"type": "string", "format": "date"}
_A_PLACE = {"type": "string", "pattern": "^[0-9a-f]{24}$"}
MatchId = Annotated[
    int,
    BeforeValidator(_match_id),
    WithJsonSchema(_AN_ID),
    Path(description="The match, as the data name it."),
]
Cursor = Annotated[
    Any,
    BeforeValidator(_place),
    WithJsonSchema(_A_PLACE),
    Query(description="The `next` of an earlier page."),
]
First = Annotated[
    date | None,
    BeforeValidator(_day),
    WithJsonSchema(_A_DAY),
    Query(alias="from", description="The first date."),
]
Last = Annotated[
    date | None,
    BeforeValidator(_day),
    WithJsonSchema(_A_DAY),
    Query(alias="to", description="The last date."),
]
Division = Annotated[
    str, Query(max_length=200, description="Exactly as it is written in the matches.")
]
Limit = Annotated[int, Query(ge=1, le=MOST_IN_A_PAGE, description="How many at most.")]
Known = Annotated[
    str,
    Header(
        alias="If-None-Match", description="The ETag of an earlier answer: 304 if it is the same."
    ),
]


class MatchCalls:
    """The handlers."""

    def __init__(self, matches: Matches) -> None:
        self._matches = matches

    async def one(self, match_id: MatchId, known: Known = "") -> Response:
        """Answers what the scoring job scored for a match."""
        table = await self._table()
        row = table.one(match_id)
        if row is None:
            raise Problem(
                MatchProblem.UNKNOWN_MATCH, "No upcoming match that was scored has this id"
            )
        return _answer(table, known, lambda: _public(row))

    async def page(
        self,
        *,
        limit: Limit = MOST_IN_A_PAGE,
        cursor: Cursor = None,
        first: First = None,
        last: Last = None,
        division: Division = "",
        known: Known = "",
    ) -> Response:
        """Lists the upcoming matches, the earliest first; go on with `next`, as long as there is
        one.
        """
        table = await self._table()

        def body() -> MatchPage:
            rows, after = table.page(Wanted(first, last, division, cursor), limit)
            return {
                "items": [_public(row) for row in rows],
                "next": cursor_of(after) if after else None,
            }

        return _answer(table, known, body)

    async def _table(self) -> MatchTable:
        try:
            return await self._matches.current()
        except MatchesUnavailable as error:
            raise Problem(MatchProblem.NO_MATCHES, str(error), {"Retry-After": RETRY_S}) from error


def add_matches(app: FastAPI, calls: MatchCalls) -> None:
    """Adds the calls.

    The gateway's other paths under /predict/ are there already: the last of these takes any word
    for an id.
    """
    gone = (Kind.INVALID, MatchProblem.NO_MATCHES)
    unknown = (*gone, MatchProblem.UNKNOWN_MATCH)
    pages, one = {200: MatchPage}, {200: Match}
    routes.add(
        app, "GET /predict/matches/", calls.page, pages, gone, shown=LIST_MATCHES, tagged=True
    )
    routes.add(
        app, "GET /predict/{match_id}", calls.one, one, unknown, shown=READ_MATCH, tagged=True
    )


def _answer(table: MatchTable, known: str, body: Callable[[], Match | MatchPage]) -> Response:
    """Answers 304 to a caller that has the answer already, else 200 with the body.

    While the file is the same, the answer to the same address is the same.
    """
    headers = {"ETag": f'"{table.etag}"'}
    tags = [tag.strip().removeprefix("W/") for tag in known.split(",")]
    if headers["ETag"] in tags or "*" in tags:
        return Response(None, 304, headers)
    return json_response(body(), 200, headers)


def _public(row: dict[str, Any]) -> Match:
    """Returns a row of the file as a match; the file's columns were checked when it was read."""
    return cast("Match", row | {"scored_at": rfc3339(row["scored_at"])})
