"""New credentials: who is replaced for them, and that no run is broken off."""

import pytest

from tests.chart.live_cluster import holding
from tests.chart.programs import pools, read
from tests.chart.rendering import OWN_PARTS, Json, Objects, merged, render
from worker.settings import WorkerSettings


def values(password: str) -> Json:
    return merged(
        OWN_PARTS,
        {
            "store": {
                "url": f"sentinel://app:{password}@cache.x/0?service_name=a"
                f"&sentinel_password={password}&ssl=true&ssl_password={password}"
            },
            "broker": {"url": f"amqp://app-{password}:{password}@rabbit/jobs"},
        },
    )


def with_password(password: str, live: Objects | None = None) -> Objects:
    """Returns the rendered objects of an installation, or of an upgrade of a live one."""
    if live is None:
        return render(values(password))
    with holding(list(live.all)) as cluster:
        return render(values(password), cluster=cluster)


def templates(rendered: Objects) -> dict[str, Json]:
    return {name: each["spec"]["template"] for name, each in rendered.of("Deployment").items()}


def test_a_new_password_replaces_every_pod_that_reads_it() -> None:
    first = with_password("old-secret")
    second = with_password("new-secret", live=first)
    third = with_password("newest-secret", live=second)
    for name, template in templates(first).items():
        assert template != templates(second)[name] != templates(third)[name] != template
    for name in ("inference-store", "inference-broker"):
        assert "new-secret" in second.secret(name)["url"]
    assert second.secret("inference-store")["password"] == "new-secret"  # KEDA's


def test_an_upgrade_with_the_same_password_replaces_no_pod() -> None:
    second = with_password("new-secret", live=with_password("old-secret"))
    assert templates(with_password("new-secret", live=second)) == templates(second)


def test_no_pod_shows_anything_that_a_password_could_be_tried_on() -> None:
    """Whoever reads pods could compute a digest of each password of a list."""
    first, other = with_password("hunter2"), with_password("correct horse".replace(" ", ""))
    assert templates(first) == templates(other)
    for rendered in (first, with_password("hunter3", live=first)):
        everything_else = [each for each in rendered.all if each["kind"] != "Secret"]
        assert "hunter" not in str(everything_else)
        for secret in rendered.of("Secret").values():
            assert set(secret["metadata"]["annotations"]) == {"inference/generation"}


def test_a_release_from_before_the_number_begins_with_one() -> None:
    live = with_password("old-secret")
    for secret in live.of("Secret").values():
        del secret["metadata"]["annotations"]
    same, new = (with_password(f"{word}-secret", live=live) for word in ("old", "new"))
    numbers = [
        {
            each["metadata"]["annotations"]["inference/credentials"]
            for each in templates(one).values()
        }
        for one in (same, new)
    ]
    assert numbers == [{"1.1"}, {"2.2"}]


def test_a_secret_of_ones_own_replaces_no_pod_until_it_is_told() -> None:
    """Its text is not in the values, and `kubectl rollout restart` says when."""
    own = {"store": {"url": "", "existingSecret": "cache"}}
    other = {"store": {"url": "", "existingSecret": "cache", "port": 6390}}
    first, second = (render(merged(OWN_PARTS, each)) for each in (own, other))
    assert templates(first) == templates(second)


def test_a_worker_that_is_replaced_lets_its_run_end(monkeypatch: pytest.MonkeyPatch) -> None:
    rendered = with_password("new")
    (deployment,) = pools(rendered).values()
    settings = read(WorkerSettings, rendered, deployment, monkeypatch)
    grace = deployment["spec"]["template"]["spec"]["terminationGracePeriodSeconds"]
    assert (
        grace > settings.drain_timeout_s > settings.run_limit_s + settings.max_batch_wait_ms / 1e3
    )
    assert deployment["spec"]["strategy"]["rollingUpdate"]["maxUnavailable"] in (0, 1)
