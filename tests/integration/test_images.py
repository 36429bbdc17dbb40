"""Tests the image classifier with its real weights, behind gateways and workers.

They check what callers see, and which record pays for a failure.
"""

import subprocess
import sys
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest

from testkit.image_hosts import CAT, Host, image_host
from testkit.servers import MlflowServer, Valkey
from testkit.stack import ROOT, Client, Stack
from testkit.waiting import until
from tests.integration.conftest import start, stop

MODEL = "image-classifier"
IN_LINE = b64encode(CAT).decode()
CATS = {"tabby, tabby cat", "tiger cat", "Egyptian cat", "lynx, catamount"}
SETTINGS = {
    "FETCH_ALLOWED_NETWORKS": "127.0.0.1/32",
    "FETCH_LIMIT_S": "2",
    "MAX_BATCH_SIZE": "8",
    "MAX_BATCH_WAIT_MS": "1000",
    "IMAGE_MAX_PIXELS": "1000000",
    "RETRY_BASE_S": "0.1",
    "RETRY_CAP_S": "1",
}


@dataclass
class Site:
    """The stack, a client of its gateways, and a host of images."""

    stack: Stack
    client: Client
    host: Host


@pytest.fixture(scope="module")
def site(mlflow_server: MlflowServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    command = [
        sys.executable,
        "-W",
        "ignore",
        "-m",
        "examples.image_classifier.register",
        "--tracking-uri",
        mlflow_server.url,
    ]
    subprocess.run(command, check=True, cwd=ROOT, capture_output=True)
    folder: Path = tmp_path_factory.mktemp("images")
    valkey = Valkey(folder / "valkey")
    valkey.start()
    stack = Stack(folder, valkey, mlflow_server.url, MODEL, SETTINGS)
    start(stack, gateways=2, workers=1)
    with image_host() as host:
        yield Site(stack, stack.client(), host)
    stop(stack)


def ended(site: Site, *images: str) -> list[dict[str, Any]]:
    """Submits all and returns their records."""
    ids = [site.client.submit({"image": image}) for image in images]
    return [site.client.ended(task_id) for task_id in ids]


def is_cat(record: dict[str, Any]) -> bool:
    labels = record["result"]["labels"]
    assert len(labels) == 5
    assert sorted((label["probability"] for label in labels), reverse=True) == [
        label["probability"] for label in labels
    ]
    return {label["label"] for label in labels[:3]} <= CATS and sum(
        label["probability"] for label in labels[:3]
    ) > 0.8


def test_a_photograph_of_a_cat_gives_a_cat_however_it_is_sent(site: Site) -> None:
    sent = [
        IN_LINE,
        f"data:image/jpeg;base64,{IN_LINE}",
        f"{site.host.url}/cat.jpg",
        f"{site.host.url}/to?/cat.jpg",
    ]
    for image in sent:
        answer = site.client.post("/predict/", {"features": {"image": image}})
        assert answer.status_code == 200, answer.text
        assert is_cat(answer.json()), image[:80]


def test_callers_choose_how_many_labels_they_get_also_within_one_batch(site: Site) -> None:
    wanted = [1, 5, 1000, 3, 5]
    ids = [site.client.submit({"image": IN_LINE}, params={"top_k": count}) for count in wanted]
    assert [len(site.client.ended(task_id)["result"]["labels"]) for task_id in ids] == wanted
    for count, message in ((0, "top_k must be from 1 to 1000"), ("2", "must be an integer")):
        answer = site.client.post(
            "/predict/", {"features": {"image": IN_LINE}, "params": {"top_k": count}}
        )
        assert answer.status_code == 422
        assert message in answer.text
        assert "params.top_k" in answer.text


def test_bad_images_among_good_ones_in_a_batch_fail_alone_and_at_once(site: Site) -> None:
    bad = [
        "no base64!",
        b64encode(CAT[:9000]).decode(),
        b64encode(b"<svg/>").decode(),
        f"{site.host.url}/text",
        f"{site.host.url}/bomb",
    ]
    bad += [f"{site.host.url}/status?404", f"{site.host.url}/to?http://169.254.169.254/"]
    records = ended(site, *(image for one in bad for image in (one, IN_LINE)))
    failed, good = records[::2], records[1::2]
    assert all(is_cat(record) for record in good)
    assert {
        (record["status"], record["error"]["type"], record["error"]["field"]) for record in failed
    } == {("failure", "invalid_input", "features.image")}
    assert {record["attempts"] for record in failed} <= {0, 1}
    assert (
        max(len(event["task_ids"]) for event in site.stack.workers[0].events("prediction.began"))
        > 1
    )


def test_a_bad_image_is_a_422_with_a_sentence_for_who_waits(site: Site) -> None:
    answer = site.client.post("/predict/", {"features": {"image": b64encode(CAT[:9000]).decode()}})
    assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")
    assert answer.json()["error"] == {
        "type": "invalid_input",
        "message": "image is an image that is broken or cut off",
        "field": "features.image",
    }


@pytest.mark.parametrize(
    ("image", "message"),
    [
        ("http://169.254.169.254/latest/meta-data/", "names an address that may not be asked"),
        ("http://0x7f.2/", "names an address that may not be asked"),
        ("https://[::1]:8000/cat.jpg", "names an address that may not be asked"),
        ("http://user@example.com/", "must not name a user or password"),
        ("file:///etc/passwd", "must begin with http:// or https://"),
        ("", "must be an image: base64, a data: URL, or an http(s) URL"),
        (7, "must be an image: base64, a data: URL, or an http(s) URL"),
    ],
)
def test_an_address_that_may_not_be_asked_is_refused_at_the_door(
    site: Site, image: Any, message: str
) -> None:
    for path in ("/predict/", "/predict/async/"):
        answer = site.client.post(path, {"features": {"image": image}})
        assert answer.status_code == 422, answer.text
        assert answer.json()["errors"] == [{"field": "features.image", "message": message}]


def test_a_server_that_hangs_costs_its_record_its_attempts_and_nobody_else_anything(
    site: Site,
) -> None:
    child = site.stack.workers[0].model_process()
    hanging, *cats = ended(
        site, f"{site.host.url}/hang", *[IN_LINE] * 5, f"{site.host.url}/cat.jpg"
    )
    assert (hanging["status"], hanging["error"]["type"], hanging["attempts"]) == (
        "failure",
        "invalid_input",
        3,
    )
    assert (
        hanging["error"]["message"]
        == "image could not be fetched within 2 s: its server does not answer"
    )
    assert hanging["dead_lettered"] is True
    assert all(is_cat(cat) for cat in cats)
    assert {cat["attempts"] for cat in cats} == {0}
    assert site.stack.workers[0].model_process() == child


def test_a_server_that_recovers_is_asked_again(site: Site) -> None:
    (record,) = ended(site, f"{site.host.url}/twice?{id(site)}")
    assert is_cat(record)
    assert sum(path.startswith("/twice") for path in site.host.asked) == 3


def test_the_door_says_what_an_image_may_be_and_workers_tell_how_long_they_prepared(
    site: Site,
) -> None:
    page = site.client.get("/openapi.json").json()
    image = page["components"]["schemas"][f"Features-{MODEL}"]["properties"]["image"]
    assert "base64" in image["description"]
    assert site.client.post("/predict/", {"features": {"image": IN_LINE}}).status_code == 200

    def counted() -> bool:
        return (
            'worker_prepare_seconds_count{model="image-classifier"}'
            in httpx2.get(f"{site.stack.workers[0].url}/metrics", verify=False).text
        )

    until(counted, "the time of preparing to be told")
