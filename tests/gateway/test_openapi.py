"""The OpenAPI page is true: what it describes is what is taken and answered."""

from typing import Any

import jsonschema_rs
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings

from inference.models.output_schema import PROMISE
from tests.gateway.support import GOOD, MODEL, FakeWorker, GatewayClient


def test_the_page_has_the_features_of_the_model(site: GatewayClient) -> None:
    schemas = site.get("/openapi.json").json()["components"]["schemas"]
    features = schemas[f"Features-{MODEL}"]
    assert features["required"] == ["pressure", "days"]
    assert features["properties"]["pressure"]["type"] == "number"
    assert features["additionalProperties"] is False
    params = schemas[f"Params-{MODEL}"]
    assert params["required"] == []
    assert params["properties"]["quantiles"] == {
        "type": "array",
        "items": {"type": "number", "format": "double"},
        "default": [0.5],
    }
    assert site.get("/docs").status_code == 200


@pytest.mark.parametrize(
    ("body", "right"),
    [
        ({"features": GOOD}, True),
        ({"match_id": 7}, True),
        ({"match_id": 7, "features": None, "params": None, "model": None}, True),
        ({}, False),
        ({"features": None}, False),
        ({"features": None, "match_id": None}, False),
        ({"features": GOOD, "match_id": 7, "model": "rain@production"}, True),
        ({"features": GOOD, "model": "wind"}, False),
    ],
)
def test_where_an_entity_key_is_enough_one_of_both_is_needed(
    site: GatewayClient, body: Any, right: bool
) -> None:
    schemas = site.get("/openapi.json").json()["components"]
    name = f"#/components/schemas/Predict-{MODEL}"
    assert jsonschema_rs.is_valid({"$ref": name, "components": schemas}, body) == right
    assert site.post("/predict/async/", body).status_code == (202 if right else 422)


def test_the_page_has_the_result_of_the_model_wherever_one_is_shown(site: GatewayClient) -> None:
    schemas = site.get("/openapi.json").json()["components"]["schemas"]
    assert schemas[f"Result-{MODEL}"] == {"type": ["number", "null"], "description": PROMISE}
    result = {"$ref": f"#/components/schemas/Result-{MODEL}"}
    for answer in ("Prediction", "TaskStatus"):
        own = {"$ref": f"#/components/schemas/{answer}-{MODEL}"}
        assert schemas[answer]["anyOf"] == [own]
        properties = schemas[f"{answer}-{MODEL}"]["properties"]
        assert properties["result"] == result
        used = schemas[properties["model"]["$ref"].rpartition("/")[2]]
        assert used["properties"]["name"] == {"const": MODEL}
    error = [{"$ref": "#/components/schemas/TaskError"}, {"type": "null"}]
    assert schemas["CeleryResult"]["properties"]["result"] == {"anyOf": [result, *error]}


def test_every_call_says_when_to_use_it_and_shows_each_of_its_answers(site: GatewayClient) -> None:
    page = site.get("/openapi.json").json()
    tags = [tag["name"] for tag in page["tags"]]
    calls = [call for path in page["paths"].values() for call in path.values()]
    assert len({call["operationId"] for call in calls}) == len(calls)
    for call in calls:
        assert call["tags"][0] in tags
        assert call["summary"] not in page["paths"]
        assert call["description"].startswith("Use it ")
        assert all(parameter["description"] for parameter in call.get("parameters", ()))
        for status, answer in call["responses"].items():
            assert answer["description"] != "Successful Response"
            content = next(iter(answer.get("content", {}).values()), None)
            assert content is None or content.keys() & {"example", "examples"}, (call, status)


def test_the_registered_example_is_shown_as_a_request(site: GatewayClient) -> None:
    page = site.get("/openapi.json").json()
    content = page["paths"]["/predict/"]["post"]["requestBody"]["content"]["application/json"]
    body = content["examples"][MODEL]["value"]
    assert body == {"model": MODEL, "features": {"pressure": 990.5, "days": 2}}
    assert site.post("/predict/async/", body).status_code == 202


def test_every_example_is_what_its_schema_takes(site: GatewayClient) -> None:
    page = site.get("/openapi.json").json()
    for path in page["paths"].values():
        for call in path.values():
            for answer in (call.get("requestBody", {}), *call["responses"].values()):
                for content in answer.get("content", {}).values():
                    schema = content["schema"] | {"components": page["components"]}
                    named = [one["value"] for one in content.get("examples", {}).values()]
                    for example in [content["example"]] if "example" in content else named:
                        jsonschema_rs.validate(schema, example)


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
    assert len(checked) == 20


@pytest.mark.parametrize("path", ["/monitoring/task_status/", "/result/"])
def test_real_records_are_as_described(site: GatewayClient, driver: FakeWorker, path: str) -> None:
    schema = schemathesis.openapi.from_dict(site.get("/openapi.json").json())
    operation = schema[path + "{task_id}"]["GET"]
    ids = [site.submit(features=GOOD) for _ in range(4)]
    driver.run(0.5)
    driver.run(None)
    driver.fail()
    for task_id in ids:
        operation.validate_response(site.get(path + task_id))
