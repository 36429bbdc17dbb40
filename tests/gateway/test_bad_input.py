"""What bad input gets: a 4xx problem that names the field, and nothing written down."""

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.gateway.support import GOOD, MODEL, GatewayClient, problem

JSON = {"Content-Type": "application/json"}


@pytest.fixture(autouse=True)
def _nothing_is_written(site: GatewayClient) -> Iterator[None]:
    yield
    assert site.get("/monitoring/queues").json()["queues"][0]["outstanding"] == 0


def features(**changed: Any) -> str:
    """A body in which these features are other."""
    return json.dumps({"features": GOOD | changed})


def without(name: str) -> str:
    return json.dumps({"features": {k: v for k, v in GOOD.items() if k != name}})


WRONG = [
    (features(pressure="high"), "features.pressure"),
    (features(pressure=True), "features.pressure"),
    (features(pressure=None), "features.pressure"),
    (features(pressure=[1.0]), "features.pressure"),
    (features(pressure=float("nan")), "features.pressure"),
    (features(pressure=float("-inf")), "features.pressure"),
    ('{"features":{"pressure":1e999,"days":1}}', "features.pressure"),
    (features(days=1.5), "features.days"),
    (features(days=1.5), "features.days"),
    (features(days=2**63), "features.days"),
    (features(days=10**30), "features.days"),
    (features(days="3"), "features.days"),
    (features(station=7), "features.station"),
    (features(coastal=1), "features.coastal"),
    (features(height=1), "features.height"),
    (without("days"), "features.days"),
    ('{"features":[1,2]}', "features"),
    ('{"features":null}', "features"),
    ('{"features":"x"}', "features"),
    (json.dumps({"features": GOOD, "params": {"horizon": 1.5}}), "params.horizon"),
    (json.dumps({"features": GOOD, "params": {"quantiles": 0.5}}), "params.quantiles"),
    (json.dumps({"features": GOOD, "params": {"quantiles": [0.5, "x"]}}), "params.quantiles[1]"),
    (json.dumps({"features": GOOD, "params": {"depth": 1}}), "params.depth"),
    (json.dumps({"features": GOOD, "params": [1]}), "params"),
    ("{}", "features"),
    ("[]", "body"),
    ("null", "body"),
    ('"text"', "body"),
    ("12", "body"),
    (json.dumps({"features": GOOD, "match_id": "1"}), "match_id"),
    (json.dumps({"features": GOOD, "match_id": True}), "match_id"),
    (json.dumps({"features": GOOD, "match_id": 1.0}), "match_id"),
    (json.dumps({"features": GOOD, "match_id": 2**63}), "match_id"),
    (json.dumps({"features": GOOD, "match_id": 10**25}), "match_id"),
    (json.dumps({"features": GOOD, "model": "nope"}), "model"),
    (json.dumps({"features": GOOD, "model": 3}), "model"),
    (json.dumps({"features": GOOD, "urgency": 1}), "urgency"),
    (
        json.dumps({"features": GOOD, "\u0000" + "long" * 100: 1}),
        "\u0000" + ("long" * 100)[:79] + "…",
    ),
    ('{"features":{"pressure":' + "[" * 40 + "]" * 40 + ',"days":1}}', "body"),
    ("[" * 500 + "]" * 500, "body"),
    ("[" * 5000 + "]" * 5000, "body"),
]


@pytest.mark.parametrize("path", ["/predict/", "/predict/async"])
@pytest.mark.parametrize(("body", "field"), WRONG)
def test_a_wrong_field_is_named(site: GatewayClient, path: str, body: str, field: str) -> None:
    answer = problem(site.call("POST", path, content=body, headers=JSON), 422)
    assert [error["field"] for error in answer["errors"]] == [field]


def test_all_wrong_fields_are_named_but_not_without_end(site: GatewayClient) -> None:
    body = {"features": {f"f{i}": 1 for i in range(1000)}, "match_id": "x"}
    errors = problem(site.post("/predict/", body), 422)["errors"]
    assert {"match_id", "features.pressure", "features.days"} <= {
        error["field"] for error in errors
    }
    assert len(errors) == 20


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b'{"features":{"pressure":1013.0,"da',
        b'{"features"',
        b"\xff\xfe",
        b'{"features":{"station":"\xe9"}}',
        b"{'a':1}",
        b"{}{}",
    ],
)
def test_a_body_that_is_no_json_is_a_400(site: GatewayClient, body: bytes) -> None:
    problem(site.call("POST", "/predict/", content=body, headers=JSON), 400)


def test_a_lone_surrogate_is_a_400(site: GatewayClient) -> None:
    body = b'{"features":{"pressure":1,"days":1,"station":"\\ud800"}}'
    problem(site.call("POST", "/predict/", content=body, headers=JSON), 400)


@pytest.mark.parametrize(
    "media",
    [
        "text/plain",
        "application/x-www-form-urlencoded",
        "application/jsonx",
        "",
        "multipart/form-data",
    ],
)
def test_another_content_type_is_a_415(site: GatewayClient, media: str) -> None:
    problem(
        site.call("POST", "/predict/", content=features(), headers={"Content-Type": media}), 415
    )


def test_a_body_over_the_bound_is_a_413(site: GatewayClient) -> None:
    problem(
        site.call("POST", "/predict/", content=b" " * (16 * 1024 * 1024 + 1), headers=JSON), 413
    )


def test_a_body_over_the_bound_that_hides_its_length_is_a_413(site: GatewayClient) -> None:
    chunks = (b" " * 1024 * 1024 for _ in range(17))
    problem(site.call("POST", "/predict/", content=chunks, headers=JSON), 413)


def test_a_body_cut_off_leaves_the_gateway_well(site: GatewayClient) -> None:
    async def cut() -> None:
        host, port = site.urls[0].removeprefix("http://").split(":")
        _, writer = await asyncio.open_connection(host, int(port))
        writer.write(
            b"POST /predict/ HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
            b'Content-Length: 100\r\n\r\n{"fe'
        )
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    asyncio.run(cut())
    assert site.get("/livez").status_code == 200


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/nowhere"),
        ("GET", "/"),
        ("POST", "/predictx"),
        ("GET", "/predict/1/2"),
        ("GET", "//"),
    ],
)
def test_an_unknown_path_is_a_404(site: GatewayClient, method: str, path: str) -> None:
    problem(site.call(method, path), 404)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/predict/"),
        ("DELETE", "/predict/async"),
        ("POST", "/monitoring/queues"),
        ("PUT", "/livez"),
    ],
)
def test_a_wrong_method_is_a_405(site: GatewayClient, method: str, path: str) -> None:
    answer = site.call(method, path)
    problem(answer, 405)
    assert answer.headers["allow"]


def test_a_model_not_served_is_counted_as_unknown(site: GatewayClient) -> None:
    sample = 'prediction_requests_total{model="unknown",outcome="invalid",source="sync"}'
    before = site.metric(sample)
    site.post("/predict/", {"features": GOOD, "model": "m" * 30})
    assert site.metric(sample) == before + 1


@pytest.mark.parametrize(
    "good",
    [
        {"pressure": 1},
        {"days": -(2**63)},
        {"station": "\u0000 é 💩"},
        {"coastal": False},
        {"coastal": None},
        {"pressure": 2**64},
        {"days": 3.0},
    ],
)
def test_odd_but_right_input_is_taken(site: GatewayClient, good: dict[str, Any]) -> None:
    task_id = site.submit(features=GOOD | good)
    assert task_id.startswith(MODEL)
    site.stack.valkey.flush()


def test_null_is_a_field_that_is_left_out(site: GatewayClient) -> None:
    """Typed clients send every field that they know."""
    nulls = dict.fromkeys(["params", "model", "match_id", "priority", "time_to_start_s"])
    keyed = [
        site.post("/predict/async/", {"features": GOOD} | more, **{"Idempotency-Key": '"nulls"'})
        for more in ({}, nulls)
    ]
    assert [answer.status_code for answer in keyed] == [202, 202]
    assert len({answer.json()["task_id"] for answer in keyed}) == 1
    site.stack.valkey.flush()
