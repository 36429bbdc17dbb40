"""The page on removing the service names all that is rendered."""

import re

from scripts.charts.tools import ROOT
from tests.chart.rendering import SCENARIOS, scenario

PAGE = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
SECTION = PAGE.split("\n## Removing it\n")[1].split("\n## ")[0]
GOES, STAYS = SECTION.split("| goes | |")[1].split("| stays | until |")


def test_each_kind_of_object_goes_or_stays_as_the_page_says() -> None:
    found = [each for name in SCENARIOS for each in scenario(name).all]
    hooks = {each["kind"] for each in found if _annotations(each).get("helm.sh/hook")}
    kinds = {each["kind"] for each in found if not _annotations(each).get("helm.sh/hook")}
    own = {"Secret", "PersistentVolumeClaim", "Deployment", "ScaledObject"}
    assert own <= kinds
    assert {kind for kind in kinds if not re.search(rf"\b{kind}s?\b", GOES)} == set()
    assert hooks == {"Pod"}, "Helm leaves what a hook made"
    assert "| the Pod of `helm test` |" in STAYS


def test_the_claims_that_stay_are_those_of_statefulsets() -> None:
    left = {
        f"{template['metadata']['name']}-{name}-0"
        for name, each in scenario("tryout").of("StatefulSet").items()
        for template in each["spec"].get("volumeClaimTemplates", [])
    }
    assert left == set(re.findall(r"`([\w-]+-0)`", STAYS))


def _annotations(found: dict[str, object]) -> dict[str, str]:
    metadata = found["metadata"]
    assert isinstance(metadata, dict)
    return metadata.get("annotations") or {}
