"""What can't work is refused while it is rendered, with a sentence that says what to do."""

import re
from typing import Any

import pytest

from scripts.charts.tools import CHART
from tests.chart.refused_connections import CONNECTIONS, REGISTRY
from tests.chart.rendering import OWN_PARTS, TRYOUT, Refused, merged, render


def pool(**values: Any) -> dict[str, Any]:
    return {"workerPools": {"match-outcome": values}}


def canary(**share: Any) -> dict[str, Any]:
    """A second pool of the model, with that share."""
    served = {"modelUri": "models:/match-outcome@canary", "canary": share}
    return {
        "api": {"defaultPool": "match-outcome"},
        "workerPools": {"match-outcome-canary": served},
    }


def canary_of_canary(**share: Any) -> dict[str, Any]:
    """A third one, of the second unless told otherwise."""
    served = {"modelUri": "models:/match-outcome@next"}
    told = {"of": "match-outcome-canary"} | share
    return {"workerPools": {"match-outcome-next": served | {"canary": told}}}


B = {"api": {"defaultPool": "b"}}
SERVED = "models:/match-outcome@production"
IMAGES = {
    "api": {"defaultPool": "images"},
    "workerPools": {"images": {"modelUri": "models:/image-classifier@production"}},
}
POOLS: list[tuple[dict[str, Any], str]] = [
    (pool(enabled=False), "no pool is enabled"),
    (
        {"workerPools": {"b": {"modelUri": "models:/b@x"}}},
        "there are several pools, and a request may name no model",
    ),
    (
        B | {"workerPools": {"b": {"modelUri": SERVED}}},
        f"the pools b and match-outcome serve the same address, {SERVED}",
    ),
    (
        B | {"workerPools": {"b": {}}},
        'workerPools.b.modelUri is "": it must read models:/name@alias',
    ),
    (pool(modelUri="models:/a:b@x"), "it must read models:/name@alias"),
    (pool(modelUri="models:/a/Production"), "it must read models:/name@alias"),
    (pool(modelUri="models:/..@x"), "it must read models:/name@alias"),
    (pool(modelUri="models:/a@x,models:/b@x"), "it must read models:/name@alias"),
    (
        {"api": {"defaultPool": "x"}},
        "api.defaultPool is x, which is not an enabled pool: choose one of match-outcome",
    ),
    (canary(of="match-outcome-canary"), "canary.of is the pool itself: name the pool whose calls"),
    (
        canary(of="nope"),
        "workerPools.match-outcome-canary.canary.of is nope, which is not an enabled pool:"
        " choose one of match-outcome",
    ),
    (
        merged(canary(of="match-outcome"), canary_of_canary()),
        "canary.of is match-outcome-canary, which is itself a canary: name match-outcome instead",
    ),
    (
        merged(
            canary(of="match-outcome", trafficPercent=60),
            canary_of_canary(of="match-outcome", trafficPercent=40.5),
        ),
        "the canaries of match-outcome take 100.5 percent of its calls: lower",
    ),
    (
        merged(canary(of="match-outcome"), {"api": {"defaultPool": "match-outcome-canary"}}),
        "api.defaultPool is match-outcome-canary, which is a canary",
    ),
    (canary(trafficPercent=1), "trafficPercent is of no pool's calls: set"),
    (canary(of="match-outcome", trafficPercent=101), "maximum: got 101, want 100"),
    (canary(of="match-outcome", trafficPercent=-1), "minimum: got -1, want 0"),
    (
        {"api": {"env": {"CANARIES": "a=b:1"}}},
        "api.env sets CANARIES, which the chart sets itself",
    ),
    (pool(autoscaling={"minReplicas": 5}), "minReplicas is above its maxReplicas: lower it"),
    (
        pool(batch={"maxWaitMs": 40_000}, runLimitSeconds=30),
        "batch.maxWaitMs is longer than its runLimitSeconds",
    ),
    (
        pool(resources={"limits": {"nvidia.com/gpu": 1}}),
        "set workerPools.match-outcome.gpu.count instead",
    ),
    (
        pool(env={"DRAIN_TIMEOUT_S": 3}),
        "workerPools.match-outcome.env sets DRAIN_TIMEOUT_S, which the chart sets itself",
    ),
    ({"modelCode": ""}, "modelCode is not set: refuse loads only models that are known"),
    ({"modelCode": "yes"}, "must be one of"),
    (
        pool(env={"MODEL_CODE": "allow"}),
        "workerPools.match-outcome.env sets MODEL_CODE, which the chart sets itself",
    ),
    (
        pool(env={"POOL": "b"}),
        "workerPools.match-outcome.env sets POOL, which the chart sets itself",
    ),
    (pool(env={"LEASE_S": 30}), "in which gateways and workers must agree: set settings.LEASE_S"),
    (pool(env={"not a name": 1}), "is not the name of an environment variable"),
    (
        {"fullnameOverride": "a" * 41},
        "is too long a start for names: set fullnameOverride to at most 40 characters",
    ),
    (
        {
            "fullnameOverride": "a" * 40,
            "api": {"defaultPool": "b" * 40},
            "workerPools": {"b" * 40: {"modelUri": "models:/b@x"}},
        },
        "longer than the 63 characters",
    ),
]


def batch(**values: Any) -> dict[str, Any]:
    return {"batchInference": values}


BATCH: list[tuple[dict[str, Any], str]] = [
    (
        batch(pool="x"),
        "batchInference.pool is x, which is not an enabled pool: choose one of match-outcome",
    ),
    (
        batch(outputUrl="s3://a/b", claim={"existingClaim": "x"}),
        "batchInference.claim.existingClaim are both set",
    ),
    (
        batch(existingSecret="x"),
        "batchInference.existingSecret is for an object store: set batchInference.outputUrl too",
    ),
    (
        batch(outputUrl="file:///tmp/x"),
        "batchInference.outputUrl must be an object that every pod reaches",
    ),
    (batch(outputUrl="/tmp/x"), "for a file leave it empty, which takes batchInference.claim"),
    (batch(outputUrl="s3://bucket"), "batchInference.outputUrl must be an object"),
    (
        batch(outputUrl="s3://key:secret@bucket/x"),
        "batchInference.outputUrl has a user or key in it",
    ),
    (
        batch(env={"BATCH_FROM_DATE": "2017-01-01"}),
        "batchInference.env sets BATCH_FROM_DATE, which the chart sets itself",
    ),
    (batch(schedule="hourly"), "does not match pattern"),
    (batch(fromDate="soon"), "does not match pattern"),
    (batch(claim={"accessMode": "ReadOnlyMany"}), "must be one of"),
]


def training(**values: Any) -> dict[str, Any]:
    return {"tryout": {"training": values}}


TRAINING: list[tuple[dict[str, Any], str]] = [
    (
        training(models=[]),
        "tryout.training.models is empty: list a model, or set tryout.training.enabled=false",
    ),
    (
        IMAGES,
        "workerPools.images serves models:/image-classifier@production, "
        "which nothing registers: add image-classifier to",
    ),
    (
        training(models=["image-classifier"]),
        "workerPools.match-outcome serves models:/match-outcome@production, which nothing",
    ),
    (training(models=["ranking"]), "must be one of 'match-outcome', 'image-classifier'"),
    (training(models=["match-outcome", "match-outcome"]), "items at 0 and 1 are equal"),
]

REST: list[tuple[dict[str, Any], str]] = [
    ({"settings": {"LEASE_S": 7}}, "settings.LEASE_S must be above 7"),
    ({"settings": {"REAPER_PERIOD_S": 5}}, "settings.LEASE_S must be above 19"),
    (
        {"settings": {"STORE_TIMEOUT_S": 5}},
        "settings.STORE_TIMEOUT_S must be below half of settings.LEASE_S",
    ),
    ({"settings": {"RETRY_CAP_S": 0.5}}, "settings.RETRY_CAP_S is below settings.RETRY_BASE_S"),
    (
        {"api": {"env": {"STORE_URL": "redis://x"}}},
        "api.env sets STORE_URL, which the chart sets itself",
    ),
    (
        {"api": {"env": {"EXTENSIONS": "a:b"}}},
        "api.env sets EXTENSIONS, which the chart sets itself",
    ),
    (
        {"api": {"env": {"WAIT_FOR_MODEL_S": 9}}},
        "api.env sets WAIT_FOR_MODEL_S, which the chart sets itself",
    ),
    ({"extensions": ["a.b"]}, "does not match pattern"),
    ({"api": {"env": {"MAX_ATTEMPTS": 1}}}, "set settings.MAX_ATTEMPTS"),
    (
        {"payloads": {"url": "file:///payloads"}},
        "payloads.url is a folder, and each pod would have its own",
    ),
    (
        {"payloads": {"url": "file://payloads", "existingClaim": "x"}},
        "a folder must read file:///name/of/it",
    ),
    (
        {"payloads": {"url": "file:///tmp/x", "existingClaim": "x"}},
        "names /tmp/x, which the pods use otherwise",
    ),
    (
        {"payloads": {"url": "s3://bucket", "existingClaim": "x"}},
        "payloads.existingClaim is mounted at the folder of payloads.url",
    ),
    (
        {"payloads": {"existingClaim": "x"}},
        "payloads.existingClaim is mounted at the folder of payloads.url",
    ),
    ({"payloads": {"url": "a folder"}}, "does not match pattern"),
    (
        {"api": {"env": {"PAYLOAD_URL": "s3://x"}}},
        "api.env sets PAYLOAD_URL, which the chart sets itself",
    ),
    (
        pool(env={"PAYLOAD_URL": "s3://x"}),
        "workerPools.match-outcome.env sets PAYLOAD_URL, which the chart sets itself",
    ),
    (
        {"api": {"terminationGracePeriodSeconds": 20}},
        "must be at least api.preStopSeconds + 25, which is 40",
    ),
    ({"settings": {"LEASE_S": "10"}}, "got string, want number"),
    ({"settings": {"MAX_ATTEMPTS": 0}}, "minimum: got 0, want 1"),
    ({"keyPrefix": "Upper"}, "does not match pattern"),
    ({"workerPools": {"Upper": {}}}, "additional properties 'Upper' not allowed"),
    (pool(gpu={"count": -1}), "minimum: got -1, want 0"),
    (pool(autoscaling={"maxReplicas": 0}), "minimum: got 0, want 1"),
    (pool(image={"pullPolicy": "Sometimes"}), "must be one of"),
]

REST += [
    ({"enabled": False}, "enabled=false has no effect here: it is for a chart that has this one"),
    (
        {"service": {"ipFamilies": ["IPv6", "IPv4"], "ipFamilyPolicy": "SingleStack"}},
        "service.ipFamilies names two families, and service.ipFamilyPolicy allows one",
    ),
    ({"image": {"api": {"digest": "1"}}}, "does not match pattern"),
    ({"componentAnnotations": {"gateway": {"a": "b"}}}, "'gateway' not allowed"),
]

TABLE = POOLS + BATCH + TRAINING + REST


@pytest.mark.parametrize(("values", "sentence"), CONNECTIONS)
def test_where_the_parts_are(values: dict[str, Any], sentence: str) -> None:
    with pytest.raises(Refused, match=re.escape(sentence)):
        render(values)


@pytest.mark.parametrize(("values", "sentence"), TABLE)
def test_what_contradicts_itself(values: dict[str, Any], sentence: str) -> None:
    with pytest.raises(Refused, match=re.escape(sentence)):
        render(merged(TRYOUT, values))


@pytest.mark.parametrize(
    "url",
    [
        "redis://:hunter2@cache/0/1",
        "redis://:hunter2%zz@cache",
        "redis://:hunter2^@cache",
        "amqp://:hunter2@x",
        "sentinel://x?service_name=&sentinel_password=hunter2",
    ],
)
def test_a_refusal_shows_no_password(url: str) -> None:
    for values in (REGISTRY | {"store": {"url": url}}, OWN_PARTS | {"broker": {"url": f"{url}/ "}}):
        with pytest.raises(Refused) as refused:
            render(values)
        assert "hunter2" not in str(refused.value)


def test_every_guard_is_in_the_table() -> None:
    """A `fail` that nothing here triggers is a sentence that nobody has read."""
    guards = (CHART / "templates" / "_guards.tpl").read_text(encoding="utf-8")
    sentences = re.findall(r'fail \(?(?:printf )?"([^"]*(?:\\"[^"]*)*)"', guards)
    assert len(sentences) == guards.count("fail ")
    said = [
        re.compile(re.sub(r"%%|%[sdqv]", ".*", re.escape(sentence).replace(r"\%", "%")))
        for sentence in sentences
    ]
    shown = set()
    for values, _ in [
        *CONNECTIONS,
        *((merged(TRYOUT, values), sentence) for values, sentence in TABLE),
    ]:
        with pytest.raises(Refused) as refused:
            render(values)
        shown |= {pattern.pattern for pattern in said if pattern.search(str(refused.value))}
    assert shown == {pattern.pattern for pattern in said}
