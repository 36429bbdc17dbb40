"""The page of a gateway that serves every kind of signature is true for each.

What a model's schema takes is taken, and what it does not take is a 422. `SCHEMA_EXAMPLES=500` has
more calls made up of each model than CI does.
"""

import os
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import jsonschema_rs
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from inference.models.dates import is_date
from testkit.servers import Valkey
from testkit.signatures import CARDS, serve
from testkit.stack import Stack
from tests.gateway.support import GatewayClient

PATH = "/predict/async/"
TOO_LONG = {"tensor"}
"""Hypothesis makes no lists of hundreds of items up."""
POOLS = [pool for pool in CARDS if pool not in TOO_LONG]
PICTURE = "picture"
"""No schema says that an image is empty or at an address that may not be asked."""
DECLARED = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
EXAMPLES = int(os.environ.get("SCHEMA_EXAMPLES", "8"))
MADE_UP = settings(
    max_examples=EXAMPLES,
    deadline=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
    database=None,
)

ZONES = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
MOMENTS = st.datetimes(datetime(1678, 1, 1), datetime(2261, 12, 31), timezones=st.just(UTC) | ZONES)
# The page says in words that a moment has a year from 1677 to 2262.
schemathesis.openapi.format("date-time", MOMENTS.map(datetime.isoformat))


@pytest.fixture(scope="module")
def _stack(valkey_server: Valkey, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    valkey_server.flush()
    folder = tmp_path_factory.mktemp("signatures")
    stack = serve(folder, valkey_server, CARDS)
    yield stack
    stack.stop()


@pytest.fixture(scope="module")
def page(_stack: Stack) -> dict[str, Any]:
    with GatewayClient(_stack) as site:
        found: dict[str, Any] = site.get("/openapi.json").json()
    return found


@pytest.fixture
def every(_stack: Stack, valkey: Valkey) -> Iterator[GatewayClient]:
    """The gateway, on an empty store."""
    assert valkey.answers()
    with GatewayClient(_stack) as site:
        yield site


def in_old_words(part: Any) -> Any:
    """Says the length of a list by words that Hypothesis knows, which mean the same."""
    if isinstance(part, list):
        return [in_old_words(inner) for inner in part]
    if not isinstance(part, dict):
        return part
    whole = {name: in_old_words(inner) for name, inner in part.items()}
    if whole.get("contains") != {}:
        return whole
    del whole["contains"]
    return whole | {"minItems": whole.pop("minContains"), "maxItems": whole.pop("maxContains")}


def whole_numbers(part: Any) -> Any:
    """JSON Schema takes 3.0 for an integer, and so does a column; a parameter does not."""
    if isinstance(part, dict):
        return {name: whole_numbers(inner) for name, inner in part.items()}
    if isinstance(part, list):
        return [whole_numbers(inner) for inner in part]
    whole = isinstance(part, float) and part.is_integer() and abs(part) < 2**53
    return int(part) if whole else part


@pytest.mark.parametrize("mode", list(GenerationMode))
@pytest.mark.parametrize("pool", POOLS)
def test_what_the_schema_takes_is_taken_and_nothing_else(
    every: GatewayClient, page: dict[str, Any], pool: str, mode: GenerationMode
) -> None:
    schemas = page["components"]["schemas"]
    schema = {"$ref": f"#/components/schemas/Predict-{pool}", "components": {"schemas": schemas}}
    judge = jsonschema_rs.Draft202012Validator(
        schema, validate_formats=True, formats={"date-time": is_date}
    )
    own = in_old_words(page)
    own["paths"][PATH]["post"]["requestBody"]["content"]["application/json"] = {
        "schema": {"$ref": schema["$ref"]}
    }
    operation = schemathesis.openapi.from_dict(own)[PATH]["POST"]
    met: Counter[int] = Counter()

    @MADE_UP
    @given(case=operation.as_strategy(generation_mode=mode))
    def one(case: Any) -> None:
        case.headers, case.query = {"Content-Type": "application/json"}, {}
        case.body = body = whole_numbers(case.body)
        response = case.call(base_url=every.urls[0])
        case.validate_response(response, checks=DECLARED)
        met[response.status_code] += 1
        if isinstance(body, bytes):
            assert response.status_code == 400
        elif pool != PICTURE or response.status_code == 202 or not judge.is_valid(body):
            right = judge.is_valid(body)
            assert response.status_code == (202 if right else 422), (body, response.text)
        else:
            fields = {error["field"] for error in response.json()["errors"]}
            assert fields == {"features.image"}

    one()
    assert met[202 if mode is GenerationMode.POSITIVE else 422]


def test_each_model_has_an_example_that_is_taken(
    every: GatewayClient, page: dict[str, Any]
) -> None:
    """The registered one, where requests may be like it; one of hundreds of items is left out."""
    content = page["paths"][PATH]["post"]["requestBody"]["content"]["application/json"]
    shown = {pool: one["value"] for pool, one in content["examples"].items()}
    assert shown.keys() == CARDS.keys() - TOO_LONG
    assert shown["optional"]["features"] == CARDS["optional"].example
    for body in shown.values():
        assert every.post(PATH, body).status_code == 202, body
