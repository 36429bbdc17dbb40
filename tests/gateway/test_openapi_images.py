"""Makes calls up from the page of a gateway of two models, one of images.

Calls to either model get answers that the page describes.
"""

from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis.specs.openapi.checks import positive_data_acceptance

from testkit.servers import Valkey
from testkit.stack import Stack
from tests.gateway.support import MODEL, GatewayClient, problem, register
from tests.gateway.test_openapi import has_round_float

PICTURE = "picture"
JSON = {"Content-Type": "application/json"}

PRIVATE = [
    "http://127.0.0.1/a.png",
    "https://10.0.0.1:8443/",
    "HTTP://169.254.169.254/latest/meta-data/",
    "http://[::1]/a.png",
    "http://[::ffff:192.168.0.1]/",
    "http://2130706433/",
    "http://0x7f.1/",
    "http://localhost/a.png",
]
NO_URL = [
    "ftp://8.8.8.8/a.png",
    "file:///etc/passwd",
    "javascript:alert(1)",
    "http://",
    "http://user:word@8.8.8.8/",
    "http://[::1",
    "",
]
TAKEN = [
    "data:image/png;base64,iVBORw0KGgo=",
    "data:,",
    "iVBORw0KGgo=",
    "%%%",
    "x" * 10_000,
    "http://8.8.8.8/a.png",
    "\u0000é💩",
]
IMAGES = (
    st.sampled_from(PRIVATE + NO_URL + TAKEN)
    | st.text(max_size=200)
    | st.text(max_size=30).map("http://{}".format)
)

MADE_UP = settings(
    max_examples=60,
    deadline=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
    database=None,
)


@pytest.fixture(scope="module")
def _stack(
    valkey_server: Valkey, registry_url: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stack]:
    image = {"column": "image", "size": 224, "crop": 0.875}
    register(registry_url, PICTURE, image=image, labels="extra_files/labels.txt")
    uris = ",".join(f"models:/{name}@production" for name in (MODEL, PICTURE))
    stack = Stack(
        tmp_path_factory.mktemp("images"), valkey_server, registry_url, MODEL, {"MODEL_URIS": uris}
    )
    stack.add_gateway()
    yield stack
    stack.stop()


@pytest.fixture
def two(_stack: Stack, valkey: Valkey) -> Iterator[GatewayClient]:
    """The gateway, on an empty store."""
    assert valkey.answers()
    with GatewayClient(_stack) as site:
        yield site


def submitting(site: GatewayClient, path: str, model: str) -> Any:
    """The call that submits to one of the two models, as the page describes it."""
    page = site.get("/openapi.json").json()
    body = page["paths"][path]["post"]["requestBody"]["content"]["application/json"]
    (body["schema"],) = [
        branch for branch in body["schema"]["anyOf"] if branch["$ref"].endswith(f"/Predict-{model}")
    ]
    return schemathesis.openapi.from_dict(page)[path]["POST"]


def model_of(case: Any) -> str:
    """Which of the two a call asks for, by its name or its address."""
    return str(case.body.get("model") or MODEL).partition("@")[0]


def answered(site: GatewayClient, case: Any) -> int:
    """Makes a call that waits for nothing, and returns the status.

    The answer must be one that the page describes. No schema says that an image is empty or at an
    address that may not be asked: a 422 on the picture is by right.
    """
    case.headers = JSON | {"Prefer": "respond-async"}
    response = case.call(base_url=site.urls[0])
    case.validate_response(
        response, excluded_checks=[positive_data_acceptance] if model_of(case) == PICTURE else []
    )
    return int(response.status_code)


@pytest.mark.parametrize("path", ["/predict/", "/predict/async/"])
@pytest.mark.parametrize("model", [MODEL, PICTURE])
def test_calls_of_either_model_made_up_from_the_page_are_answered_as_described(
    two: GatewayClient, path: str, model: str
) -> None:
    operation = submitting(two, path, model)
    met: Counter[tuple[str, int]] = Counter()

    @MADE_UP
    @given(case=operation.as_strategy())
    def one(case: Any) -> None:
        if not has_round_float(case.body):
            met[model_of(case), answered(two, case)] += 1

    one()
    assert met[model, 202]
    assert set(met) <= {(model, 202), (model, 422)}


def test_whatever_is_sent_for_an_image_is_answered_as_described(two: GatewayClient) -> None:
    operation = submitting(two, "/predict/", PICTURE)
    met: Counter[int] = Counter()

    @MADE_UP
    @given(image=IMAGES | st.none() | st.integers() | st.lists(st.text(), max_size=2))
    def one(image: Any) -> None:
        case = operation.Case(
            body={"model": PICTURE, "features": {"image": image}}, media_type="application/json"
        )
        met[answered(two, case)] += 1

    one()
    assert set(met) == {202, 422}


@pytest.mark.parametrize("image", [*PRIVATE, *NO_URL])
def test_an_address_that_may_not_be_asked_is_refused_at_the_door(
    two: GatewayClient, image: str
) -> None:
    answer = two.post("/predict/async/", {"model": PICTURE, "features": {"image": image}})
    assert [error["field"] for error in problem(answer, 422)["errors"]] == ["features.image"]


@pytest.mark.parametrize("image", TAKEN)
def test_what_only_decoding_can_tell_is_taken(two: GatewayClient, image: str) -> None:
    assert (
        two.post("/predict/async/", {"model": PICTURE, "features": {"image": image}}).status_code
        == 202
    )


def test_the_features_of_one_model_are_none_of_the_other(two: GatewayClient) -> None:
    problem(two.post("/predict/async/", {"model": MODEL, "features": {"image": TAKEN[0]}}), 422)
    problem(
        two.post("/predict/async/", {"model": PICTURE, "features": {"pressure": 1, "days": 1}}), 422
    )


def test_a_result_is_one_of_either_models(two: GatewayClient) -> None:
    page = two.get("/openapi.json").json()
    schemas = page["components"]["schemas"]
    refs = [f"#/components/schemas/Prediction-{name}" for name in (MODEL, PICTURE)]
    assert schemas["Prediction"]["anyOf"] == [{"$ref": ref} for ref in refs]
    labels = schemas[f"Result-{PICTURE}"]["properties"]["labels"]
    assert labels["items"]["required"] == ["label", "index", "probability"]
