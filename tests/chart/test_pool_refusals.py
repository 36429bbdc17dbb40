"""Values of a pool that contradict each other are refused with a sentence that says what to do."""

import re
from typing import Any

import pytest

from scripts.charts.tools import CHART
from tests.chart.rendering import TRYOUT, Refused, merged, render


def pool(**values: Any) -> dict[str, Any]:
    return {"workerPools": {"match-outcome": values}}


SPEC = {"devices": {"requests": [{"name": "gpu", "exactly": {"deviceClassName": "x"}}]}}
CLAIM = {"name": "gpu", "resourceClaimTemplateName": "x"}
TABLE: list[tuple[dict[str, Any], str]] = [
    *(
        (
            pool(rollingUpdate={"maxSurge": surge, "maxUnavailable": fewer}),
            "workerPools.match-outcome.rollingUpdate has maxSurge and maxUnavailable at 0",
        )
        for surge, fewer in ((0, 0), ("0%", 0), (0, "0%"))
    ),
    (pool(rollingUpdate={"maxSurge": "1"}), "does not match pattern"),
    (
        pool(resourceClaims=[CLAIM], gpu={"count": 1}),
        "workerPools.match-outcome has resourceClaims and gpu.count",
    ),
    (
        pool(resources={"claims": [{"name": "gpu"}]}),
        "workerPools.match-outcome.resources has claims: name them in",
    ),
    (pool(resourceClaims=[{"name": "gpu"}]), "resourceClaims gpu must have just one of"),
    (
        pool(resourceClaims=[CLAIM | {"spec": SPEC}]),
        "resourceClaims gpu must have just one of resourceClaimName",
    ),
    (pool(resourceClaims=[CLAIM, CLAIM]), "resourceClaims has gpu twice"),
    (pool(resourceClaims=[CLAIM | {"name": "A"}]), "does not match pattern"),
    (pool(resourceClaims=[CLAIM | {"count": 1}]), "additional properties 'count' not allowed"),
    (pool(tmp={"size": "1Gi", "request": "1025Mi"}), "tmp.request is above tmp.size"),
    (
        pool(modelCache={"existingClaim": "x", "claim": {"enabled": True}}),
        "modelCache has more than one of existingClaim, claim.enabled and image.repository",
    ),
    (
        pool(modelCache={"claim": {"enabled": True}, "image": {"repository": "x", "tag": "1"}}),
        "modelCache has more than one of",
    ),
    (pool(modelCache={"image": {"repository": "x"}}), "modelCache.image.tag is not set"),
    (pool(modelCache={"claim": {"accessMode": "ReadOnlyMany"}}), "must be one of"),
    (
        pool(autoscaling={"idleReplicaCount": 0}),
        "autoscaling.idleReplicaCount must be below minReplicas",
    ),
    (pool(autoscaling={"idleReplicaCount": 1, "minReplicas": 2}), "must be one of 0, <nil>"),
    (
        pool(autoscaling={"fallback": {"replicas": 5}}),
        "autoscaling.fallback.replicas is above its maxReplicas",
    ),
    (pool(autoscaling={"fallback": {"behavior": "scalingModifiers"}}), "must be one of"),
    (pool(autoscaling={"triggers": [{"type": "cron"}]}), "missing property 'metadata'"),
    (
        pool(resourceClaims=[CLAIM], placeholder={"replicas": 1}),
        "workerPools.match-outcome.placeholder can't give way with resourceClaims",
    ),
    (
        pool(modelCache={"claim": {"enabled": True}}, placeholder={"replicas": 1}),
        "workerPools.match-outcome.placeholder would hold another node",
    ),
    ({"image": {"pause": {"repository": "pause"}}}, "without image.pause.tag"),
    ({"placeholders": {"priority": 0}}, "maximum: got 0, want -1"),
]


@pytest.mark.parametrize(("values", "sentence"), TABLE)
def test_a_contradiction_is_refused(values: dict[str, Any], sentence: str) -> None:
    with pytest.raises(Refused, match=re.escape(sentence)):
        render(merged(TRYOUT, values))


def test_every_guard_is_in_the_table() -> None:
    """A `fail` that nothing here triggers is a sentence that nobody has read."""
    guards = (CHART / "templates" / "_worker_guards.tpl").read_text(encoding="utf-8")
    sentences = re.findall(r'fail \(?(?:printf )?"([^"]*)"', guards)
    assert len(sentences) == guards.count("fail ")
    for sentence in sentences:
        plain = sentence.replace("%s", "workerPools.match-outcome", 1).replace("%s", "gpu")
        assert any(said in plain for _, said in TABLE), sentence
