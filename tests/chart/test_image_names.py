"""Every image comes from where the values say, so that a cluster without the internet runs all."""

import re

import pytest
import yaml

from scripts.charts.tools import CHART
from tests.chart.rendering import (
    OWN_PARTS,
    SCENARIOS,
    TRYOUT,
    Json,
    Objects,
    containers,
    merged,
    render,
    scenario,
)

DIGEST = "sha256:" + "a" * 64


def images(rendered: Objects) -> dict[str, str]:
    """The images by where they run; hooks, jobs and tests are among them."""
    return {
        f"{who}/{container['name']}": container["image"]
        for who, pod in rendered.pods()
        for container in containers(pod)
    }


def anywhere(found: object) -> list[str]:
    """Each `image` and `reference` of any object, wherever it stands."""
    if isinstance(found, list):
        return [each for one in found for each in anywhere(one)]
    if not isinstance(found, dict):
        return []
    own = [value for key, value in found.items() if key in ("image", "reference")]
    inner = [each for value in found.values() for each in anywhere(value)]
    return [each for each in own if isinstance(each, str)] + inner


def ours(rendered: Objects, values: object) -> list[str]:
    """All images but those of `extraObjects` and of containers that the user adds."""
    added = set(anywhere(values))
    return [
        image
        for each in rendered.all
        if "app.kubernetes.io/part-of" in each["metadata"].get("labels", {})
        for image in anywhere(each)
        if image not in added
    ]


@pytest.mark.parametrize("name", SCENARIOS)
def test_one_value_moves_every_image(name: str) -> None:
    values = yaml.safe_load((CHART / "ci" / f"{name}-values.yaml").read_text(encoding="utf-8"))
    mirror = {"global": {"imageRegistry": "mirror.example.com/all/"}}
    moved = render(merged(values, mirror))
    before, after = ours(scenario(name), values), ours(moved, values)
    assert before
    assert [image for image in after if not image.startswith("mirror.example.com/all/")] == []
    # What is behind the registry stays.
    assert [image.rpartition("/")[2] for image in after] == [
        image.rpartition("/")[2] for image in before
    ]


@pytest.mark.parametrize("part", ["api", "worker", "tryout"])
def test_each_image_has_a_registry_a_repository_a_tag_and_a_digest_of_its_own(part: str) -> None:
    plain = images(render(TRYOUT))
    of_part = {who for who, image in plain.items() if f"inference-{part}:" in image}
    assert of_part
    for own, expected in (
        ({"registry": "r.example.com:5000"}, f"r.example.com:5000/inference-{part}:0.1.0"),
        ({"registry": "r", "repository": "a/b", "tag": "7"}, "r/a/b:7"),
        ({"digest": DIGEST}, f"localhost/inference-{part}@{DIGEST}"),
        ({"tag": "7", "digest": DIGEST}, f"localhost/inference-{part}@{DIGEST}"),
        ({"tag": f"7@{DIGEST}"}, f"localhost/inference-{part}:7@{DIGEST}"),
    ):
        now = images(render(merged(TRYOUT, {"image": {part: own}})))
        changed = {image for image in now.values() if image not in plain.values()}
        assert changed == {expected}
        assert sum(image == expected for image in now.values()) == len(of_part)


@pytest.mark.parametrize(
    ("own", "expected"),
    [
        ({}, f"localhost/inference-worker@{DIGEST}"),
        ({"registry": "r"}, f"r/inference-worker@{DIGEST}"),
        ({"tag": "7"}, "localhost/inference-worker:7"),
        ({"repository": "jax"}, "localhost/jax:0.1.0"),
        ({"repository": "jax", "digest": DIGEST}, f"localhost/jax@{DIGEST}"),
    ],
)
def test_a_pool_s_image_is_its_own_part_by_part(own: Json, expected: str) -> None:
    """A digest names one image: it is not taken for another repository or tag."""
    values = {
        "image": {"worker": {"digest": DIGEST}},
        "workerPools": {"match-outcome": {"image": own}},
    }
    rendered = render(merged(OWN_PARTS, values))
    assert images(rendered)["Deployment/inference-worker-match-outcome/worker"] == expected


def test_every_pod_pulls_with_the_secrets_of_chart_and_release() -> None:
    told = {
        "imagePullSecrets": ["a", {"name": "b"}],
        "global": {"imagePullSecrets": [{"name": "c"}, "a"]},
    }
    for who, pod in render(merged(TRYOUT, told)).pods():
        names = [each["name"] for each in pod["spec"]["imagePullSecrets"]]
        assert names == ["a", "b", "c"], who


def test_no_template_names_an_image_of_its_own() -> None:
    for path in (CHART / "templates").rglob("*.yaml"):
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"^\s*-? ?image: (?!\{\{)", text, re.MULTILINE), path
