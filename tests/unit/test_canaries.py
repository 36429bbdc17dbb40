"""Which calls are drawn for a canary, and which shares an operator can't mean."""

import math

import pytest

from app.canaries import Canary, CanaryShares, read_canaries
from app.metrics import Metrics
from app.settings import GatewaySettings
from inference.errors import Misconfigured
from inference.settings import read_settings

CALLS = 20_000
POOLS = ("score", "score-canary", "score-next", "fraud")


def shares(*percents: float) -> CanaryShares:
    return CanaryShares(
        Canary(pool, "score", percent) for pool, percent in zip(POOLS[1:], percents, strict=False)
    )


def is_share(count: int, percent: float) -> bool:
    """Whether a count of `CALLS` is within four standard deviations of the share."""
    share = percent / 100
    return abs(count - CALLS * share) <= 4 * math.sqrt(CALLS * share * (1 - share))


@pytest.mark.parametrize("percent", [0, 0.5, 10, 50, 100])
@pytest.mark.parametrize("kind", ["entity", "key", "neither"])
def test_a_canary_gets_its_share_whatever_the_calls_are_told_apart_by(
    percent: float, kind: str
) -> None:
    drawn = [
        shares(percent).drawn(
            "score", n if kind == "entity" else None, f"key {n}" if kind == "key" else ""
        )
        for n in range(CALLS)
    ]
    assert set(drawn) <= {"", "score-canary"}
    assert is_share(drawn.count("score-canary"), percent)


def test_two_canaries_share_the_calls_of_one_pool_and_other_pools_keep_theirs() -> None:
    both = shares(20, 30)
    drawn = [both.drawn("score", n, "") for n in range(CALLS)]
    assert is_share(drawn.count("score-canary"), 20)
    assert is_share(drawn.count("score-next"), 30)
    assert not any(both.drawn(other, n, "") for other in ("fraud", "score-canary") for n in (1, 2))


def test_equal_calls_go_the_same_way_and_an_entity_goes_before_a_key() -> None:
    half = shares(50)
    for n in range(200):
        assert half.drawn("score", n, "a") == half.drawn("score", n, "b")
        assert half.drawn("score", None, str(n)) == half.drawn("score", None, str(n))


def test_a_larger_share_keeps_the_entities_that_the_canary_had() -> None:
    before = {n for n in range(2_000) if shares(10).drawn("score", n, "")}
    after = {n for n in range(2_000) if shares(30).drawn("score", n, "")}
    assert before < after


def test_models_do_not_draw_the_same_entities() -> None:
    both = CanaryShares([Canary("a-canary", "a", 50), Canary("b-canary", "b", 50)])
    same = sum(bool(both.drawn("a", n, "")) == bool(both.drawn("b", n, "")) for n in range(CALLS))
    assert is_share(same, 50)


def test_what_an_operator_says_is_read() -> None:
    assert read_canaries(("score-canary=score:0.5", "score-next = score : 99.5"), POOLS) == (
        Canary("score-canary", "score", 0.5),
        Canary("score-next", "score", 99.5),
    )


@pytest.mark.parametrize(
    ("entries", "sentence"),
    [
        (("score-canary",), "it must read canary-pool=main-pool:percent"),
        (("score-canary=score:ten",), "it must read canary-pool=main-pool:percent"),
        (("score-canary=score:nan",), "it must read canary-pool=main-pool:percent"),
        (("score-canary=score:101",), "the percentage from 0 to 100"),
        (("score-canary=score:-1",), "the percentage from 0 to 100"),
        (("score-canary=scores:1",), "CANARIES names scores, which is no pool of MODEL_URIS"),
        (("canary=score:1",), "CANARIES names canary, which is no pool of MODEL_URIS"),
        (("fraud=score:1", "fraud=score:2"), "CANARIES names fraud more than once"),
        (("fraud=fraud:1",), "CANARIES has fraud as a canary of fraud, itself one"),
        (
            ("score-canary=score:1", "score-next=score-canary:1"),
            "CANARIES has score-next as a canary of score-canary, itself one",
        ),
        (("score=fraud:1",), "CANARIES names score, which answers calls that name no model"),
        (
            ("score-canary=score:60", "score-next=score:40.5"),
            "CANARIES gives away more than 100 % of score",
        ),
    ],
)
def test_a_share_that_can_not_be_meant_is_refused_with_a_sentence(
    entries: tuple[str, ...], sentence: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ValueError, match=sentence):
        read_canaries(entries, POOLS)
    uris = [f"{pool}=models:/{pool}@live" for pool in POOLS]
    monkeypatch.setenv("MODEL_URIS", ",".join(uris))
    monkeypatch.setenv("CANARIES", ",".join(entries))
    with pytest.raises(Misconfigured, match=sentence):
        read_settings(GatewaySettings)


def test_the_metrics_name_the_version_served_now_and_no_other() -> None:
    metrics = Metrics(("score",))

    def shown() -> list[str]:
        text = metrics.text("")[0].decode()
        return [line for line in text.splitlines() if line.startswith("prediction_model_info{")]

    metrics.serve("score", "")
    assert shown() == []
    for version in ("1", "1", "2"):
        metrics.serve("score", version)
        assert shown() == [f'prediction_model_info{{model="score",version="{version}"}} 1.0']
    metrics.serve("score", "")
    assert shown() == []
