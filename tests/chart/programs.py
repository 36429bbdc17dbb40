"""What the programs read when they start in the pods that the chart makes."""

from typing import Any

import pytest

from inference.settings import read_settings
from tests.chart.rendering import SCENARIOS, Json, Objects

with_urls = pytest.mark.parametrize("name", [name for name in SCENARIOS if name != "production"])


def pools(rendered: Objects) -> dict[str, Json]:
    """The Deployments of workers, by pool."""
    found = [
        each
        for each in rendered.of("Deployment").values()
        if "inference/pool" in each["metadata"]["labels"]
    ]
    return {each["metadata"]["labels"]["inference/pool"]: each for each in found}


def read(kind: Any, rendered: Objects, deployment: Json, monkeypatch: pytest.MonkeyPatch) -> Any:
    """What a program reads when it starts in that pod; it refuses what it would refuse there."""
    for name, value in rendered.environment(
        deployment["spec"]["template"]["spec"]["containers"][0]
    ).items():
        monkeypatch.setenv(name, value)
    return read_settings(kind)
