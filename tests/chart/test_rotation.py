"""New credentials: who is replaced for them, and that no run is broken off."""

import pytest

from tests.chart.programs import pools, read
from tests.chart.rendering import OWN_PARTS, Json, Objects, merged, render
from worker.settings import WorkerSettings


def with_password(password: str) -> Objects:
    return render(
        merged(
            OWN_PARTS,
            {
                "store": {"url": f"rediss://app:{password}@cache.x"},
                "broker": {"url": f"amqp://app-{password}:{password}@rabbit/jobs"},
            },
        )
    )


def templates(rendered: Objects) -> dict[str, Json]:
    return {name: each["spec"]["template"] for name, each in rendered.of("Deployment").items()}


def test_a_new_password_replaces_every_pod_that_reads_it_and_is_in_none() -> None:
    before, after = with_password("old-secret"), with_password("new-secret")
    for name, template in templates(before).items():
        assert template != templates(after)[name]
        assert "secret" not in str(template["metadata"]), "only its digest may be there"
    for name in ("inference-store", "inference-broker"):
        assert "new-secret" in after.secret(name)["url"]
    assert after.secret("inference-store")["password"] == "new-secret"  # KEDA's


def test_a_secret_of_ones_own_replaces_no_pod_until_it_is_told() -> None:
    """Its text is not in the values, and `kubectl rollout restart` says when."""
    own = {"store": {"url": "", "existingSecret": "cache"}}
    other = {"store": {"url": "", "existingSecret": "cache", "port": 6390}}
    first, second = (render(merged(OWN_PARTS, values)) for values in (own, other))
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
