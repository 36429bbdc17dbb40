"""The OpenAPI page is true: what it describes is what is taken and answered."""

from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings

from tests.gateway.support import GOOD, MODEL, FakeWorker, GatewayClient


def test_the_page_has_the_features_of_the_model(site: GatewayClient) -> None:
    page = site.get("/openapi.json").json()
    body = page["components"]["schemas"][f"Predict-{MODEL}"]
    features = body["properties"]["features"]
    assert features["required"] == ["pressure", "days"]
    assert features["properties"]["pressure"]["type"] == "number"
    assert features["additionalProperties"] is False
    assert body["properties"]["params"]["required"] == []
    assert body["properties"]["params"]["properties"]["quantiles"] == {
        "type": "array",
        "items": {"type": "number", "format": "double"},
        "default": [0.5],
    }
    assert body["anyOf"] == [{"required": ["features"]}, {"required": ["match_id"]}]
    assert site.get("/docs").status_code == 200


def has_round_float(body: Any) -> bool:
    """JSON Schema takes 1.0 for an integer and can't say otherwise; the gateway refuses it."""
    if isinstance(body, dict):
        return any(
            has_round_float(value) for name, value in body.items() if name != "time_to_start_s"
        )
    return isinstance(body, float) and body.is_integer()


def test_every_answer_is_as_described(site: GatewayClient, driver: FakeWorker) -> None:
    """Calls made up from the page, good and bad, get answers that the page describes."""
    document: dict[str, Any] = site.get("/openapi.json").json()
    site.submit()
    driver.fail()
    schema = schemathesis.openapi.from_dict(document)
    checked = set()
    for result in schema.get_all_operations():
        operation: Any = result.ok()  # type: ignore[union-attr]

        @settings(
            max_examples=30 if "/predict" in operation.path else 12,
            deadline=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
            database=None,
        )
        @given(case=operation.as_strategy())
        def one(case: Any) -> None:
            if has_round_float(case.body):
                return
            if case.method == "POST" and case.path == "/predict/":
                case.headers = {"Prefer": "respond-async"}
            if case.query:
                case.query.pop("wait", None)
            response = case.call(base_url=site.urls[0])
            checked.add(case.operation.label)
            # A key made up twice for two bodies is refused by right, which no schema can say.
            if b"idempotency-key-reused" not in response.content:
                case.validate_response(response)

        one()
    described = {
        f"{method.upper()} {path}" for path, calls in document["paths"].items() for method in calls
    }
    assert described - checked == set()
    assert len(checked) == 16


@pytest.mark.parametrize("path", ["/monitoring/task_status/", "/result/"])
def test_real_records_are_as_described(site: GatewayClient, driver: FakeWorker, path: str) -> None:
    schema = schemathesis.openapi.from_dict(site.get("/openapi.json").json())
    operation = schema[path + "{task_id}"]["GET"]
    ids = [site.submit(features=GOOD) for _ in range(3)]
    driver.run({"a": [1]})
    driver.fail()
    for task_id in ids:
        operation.validate_response(site.get(path + task_id))
