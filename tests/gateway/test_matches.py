"""Tests looking matches up in the file that the scoring job writes.

They look at the matches that are there, at those that come, and at errors of the file.
"""

from collections.abc import Iterator
from datetime import date, timedelta

import pyarrow as pa
import pytest

from examples.football import file_layout as layout
from inference.blobs.url_files import file_at
from testkit.match_file import (
    DIVISIONS,
    FIRST,
    content,
    lead_in_a_circle,
    match,
    season,
)
from testkit.servers import Valkey
from testkit.stack import Stack
from testkit.waiting import until
from tests.gateway.lookups import Lookups
from tests.gateway.support import GOOD, HTTP, MODEL, problem

SEASON = season(40)


@pytest.fixture(scope="module")
def _gateway(
    valkey_server: Valkey, registry_url: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Lookups]:
    folder = tmp_path_factory.mktemp("matches")
    file = folder / "matches.parquet"
    stack = Stack(folder, valkey_server, registry_url, MODEL)
    stack.env |= {
        "EXTENSIONS": "examples.football.gateway:install",
        "BATCH_OUTPUT_URL": str(file),
        "BATCH_REFRESH_S": "0.1",
    }
    yield Lookups(stack.add_gateway(), file)
    stack.stop()


@pytest.fixture
def lookups(_gateway: Lookups) -> Lookups:
    """The gateway, serving a season of forty."""
    # Another file in between: the one before may have been the same.
    _gateway.served([match(1)])
    _gateway.served(SEASON)
    return _gateway


def test_a_match_is_its_row_of_the_file(lookups: Lookups) -> None:
    row = lookups.get("/predict/101").json()
    want = SEASON[1]
    assert row == want | {"date": want["date"].isoformat(), "scored_at": "2026-01-02T03:04:05.000Z"}
    assert list(row) == layout.arrow_schema().names
    assert lookups.get("/predict/101/").json() == row


def test_the_ends_of_what_an_id_may_be_are_found(lookups: Lookups) -> None:
    ids = [-(2**63), -1, 0, 2**63 - 1]
    lookups.served([match(number) for number in ids])
    assert [lookups.get(f"/predict/{number}").json()["match_id"] for number in ids] == ids
    assert lookups.ids(limit=1) == ids


@pytest.mark.parametrize(
    "text",
    [
        "abc",
        "1.5",
        "1.0",
        "%D9%A1%D9%A2",
        "9223372036854775808",
        "-9223372036854775809",
        "1e3",
        "+1",
        "1_0",
        "%201",
        "0x1",
    ],
)
def test_what_is_no_integer_of_64_bits_is_refused(lookups: Lookups, text: str) -> None:
    assert problem(lookups.get(f"/predict/{text}"), 422)["errors"] == [
        {"field": "match_id", "message": "must be an integer of 64 bits"}
    ]


def test_a_match_that_was_not_scored_is_not_found(lookups: Lookups) -> None:
    assert problem(lookups.get("/predict/99"), 404)["type"] == "urn:inference:unknown-match"


def test_the_other_paths_beside_an_id_keep_their_meaning(lookups: Lookups) -> None:
    assert lookups.get("/predict/model/info").json()["name"] == MODEL
    assert lookups.get("/predict/matches").json() == lookups.get("/predict/matches/").json()
    problem(lookups.get("/predict/async"), 405)
    problem(lookups.get("/predict/async/"), 405)
    problem(lookups.get("/predict"), 405)
    assert HTTP.post(lookups.url + "/predict/async", json={"features": GOOD}).status_code == 202


def test_pages_hold_each_match_once_in_the_order_of_dates(lookups: Lookups) -> None:
    assert lookups.ids() == [row["match_id"] for row in SEASON]
    assert len(lookups.page()["items"]) == len(SEASON)
    assert lookups.ids(limit=40) == lookups.ids(limit=1)


def test_pages_can_be_of_some_dates_and_a_division(lookups: Lookups) -> None:
    first, last = FIRST + timedelta(days=2), FIRST + timedelta(days=4)
    within = [row["match_id"] for row in SEASON if first <= row["date"] <= last]
    assert lookups.ids(f"&from={first}&to={last}", 4) == within
    assert lookups.ids(f"&from={last}") == [
        row["match_id"] for row in SEASON if row["date"] >= last
    ]
    assert lookups.ids(f"&to={first}") == [
        row["match_id"] for row in SEASON if row["date"] <= first
    ]
    assert lookups.ids(f"&from={last}&to={first}") == []
    for division in DIVISIONS:
        assert lookups.ids(f"&division={division}", 3) == [
            row["match_id"] for row in SEASON if row["division"] == division
        ]
    assert lookups.ids(f"&division={DIVISIONS[1]}&from={first}&to={last}", 2) == within[1::3]
    assert lookups.ids("&division=Bundes") == []


@pytest.mark.parametrize(
    "query",
    [
        "limit=0",
        "limit=101",
        "limit=x",
        "from=2017",
        "to=2017-13-01",
        "from=1483228800",
        "to=20170101",
        "cursor=x",
        "cursor=" + "F" * 24,
        "division=" + "x" * 201,
    ],
)
def test_what_a_page_can_not_be_asked_by_is_named(lookups: Lookups, query: str) -> None:
    (error,) = problem(lookups.get(f"/predict/matches/?{query}"), 422)["errors"]
    assert error["field"] == query.partition("=")[0]


def test_a_page_goes_on_where_it_ended_in_a_newer_file(lookups: Lookups) -> None:
    page = lookups.page("?limit=10")
    told = [item["match_id"] for item in page["items"]]
    sooner = [match(number, FIRST - timedelta(days=1)) for number in range(5)]
    # The match at which the page ended is gone, and others came before it.
    lookups.served([*sooner, *SEASON[:9], *SEASON[10:], match(7, date(2018, 1, 1))])
    rest = lookups.page(f"?cursor={page['next']}")
    assert told + [item["match_id"] for item in rest["items"]] == [
        row["match_id"] for row in SEASON
    ] + [7]
    assert rest["next"] is None


def test_who_has_the_answer_already_is_told_so_until_there_is_another_file(
    lookups: Lookups,
) -> None:
    for path in ("/predict/100", "/predict/matches/?limit=3"):
        tag = lookups.get(path).headers["etag"]
        for known in (tag, f'"other", {tag}', f"W/{tag}", "*"):
            answer = lookups.get(path, If_None_Match=known)
            assert (answer.status_code, answer.content, answer.headers["etag"]) == (304, b"", tag)
        assert lookups.get(path, If_None_Match='"other"').status_code == 200
    lookups.served(season(40, version="2"))
    answer = lookups.get("/predict/100", If_None_Match=tag)
    assert (answer.status_code, answer.json()["model_version"]) == (200, "2")


BROKEN: dict[str, tuple[bytes | None, str]] = {
    "missing": (None, "nothing is at"),
    "empty": (b"", "is no whole Parquet file"),
    "cut short": (content(SEASON)[:-100], "is no whole Parquet file"),
    "half of it zeros": (
        content(SEASON)[:200] + bytes(2000) + content(SEASON)[2200:],
        "is no whole Parquet file",
    ),
    "another kind": (b"match_id,home\n1,0.5\n", "is no whole Parquet file"),
    "a later layout": (content(SEASON, layout="2"), "has the layout 2, and this gateway reads 1"),
    "no layout": (content(SEASON, layout="none"), "has the layout none"),
    "a column less": (
        content(SEASON, layout.arrow_schema().remove(7)),
        "has another schema: away missing",
    ),
    "another type": (
        content(
            [row | {"match_id": 1.0} for row in SEASON],
            layout.arrow_schema().set(0, pa.field("match_id", "double")),
        ),
        "has another schema: match_id",
    ),
    "no number": (
        content([*SEASON, match(1) | {"draw": float("nan")}]),
        "has gaps, or what can't be, in draw",
    ),
    "a gap": (
        content(
            [*SEASON, match(1) | {"division": None}],
            layout.arrow_schema().set(2, pa.field("division", "string")),
        ),
        "has gaps, or what can't be, in division",
    ),
    "an id twice": (content([*SEASON, SEASON[0]]), "has a match_id twice"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_file_after_a_good_one_is_a_503_on_the_look_ups_alone(
    lookups: Lookups, name: str
) -> None:
    data, why = BROKEN[name]
    assert why in lookups.refused(data)
    refused = problem(lookups.get("/predict/100"), 503)
    assert (refused["type"], refused["detail"].count(why)) == ("urn:inference:no-scored-matches", 1)
    assert str(lookups.file) in refused["detail"]
    assert lookups.get("/readyz").status_code == 200
    assert HTTP.post(lookups.url + "/predict/async/", json={"features": GOOD}).status_code == 202
    assert "\nprediction_matches 0.0\n" in lookups.get("/metrics").text
    lookups.served(SEASON)
    assert lookups.get("/predict/100").status_code == 200
    assert "\nprediction_matches 40.0\n" in lookups.get("/metrics").text


def test_a_file_out_of_reach_is_served_as_it_was_read_last(lookups: Lookups) -> None:
    before = lookups.get("/predict/100")
    lead_in_a_circle(lookups.file)
    (kept,) = until(lambda: lookups.gateway.events("matches.kept"), "the gateway to miss the file")
    assert "Too many levels of symbolic links" in kept["reason"]
    after = lookups.get("/predict/100")
    assert (after.status_code, after.headers["etag"], after.json()) == (
        200,
        before.headers["etag"],
        before.json(),
    )
    assert "\nprediction_matches 40.0\n" in lookups.get("/metrics").text
    lookups.served(SEASON[:3])
    assert lookups.ids() == [row["match_id"] for row in SEASON[:3]]


def test_a_column_that_this_gateway_does_not_know_yet_is_left_alone(lookups: Lookups) -> None:
    schema = layout.arrow_schema().append(pa.field("odds", "float64"))
    before = lookups.get("/predict/100").headers["etag"]
    file_at(str(lookups.file)).replace(content([row | {"odds": 2.0} for row in SEASON], schema))
    row = until(
        lambda: (a := lookups.get("/predict/100")).headers["etag"] != before and a.json(),
        "the new file",
    )
    assert isinstance(row, dict)
    assert row["match_id"] == 100
    assert "odds" not in row


def test_no_matches_at_all_are_an_empty_page(lookups: Lookups) -> None:
    lookups.served([])
    assert lookups.page() == {"items": [], "next": None}
    problem(lookups.get("/predict/100"), 404)
