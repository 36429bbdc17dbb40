"""A model that is missing holds up its own pool and no gateway, as far as the chart decides."""

from app.settings import GatewaySettings
from tests.chart.programs import pools
from tests.chart.rendering import OWN_PARTS, TRYOUT, Json, Objects, merged, render, scenario


def gateway(rendered: Objects) -> tuple[Json, dict[str, str]]:
    spec = rendered.one("Deployment", "api")["spec"]
    return spec, rendered.environment(spec["template"]["spec"]["containers"][0])


def test_a_gateway_waits_for_a_model_only_where_one_is_trained_or_where_it_is_told_to() -> None:
    assert GatewaySettings.model_fields["wait_for_model_s"].default == 0
    assert "WAIT_FOR_MODEL_S" not in gateway(scenario("many"))[1]
    assert gateway(scenario("tryout"))[1]["WAIT_FOR_MODEL_S"] == "3600"
    for base in (OWN_PARTS, TRYOUT):
        told = render(merged(base, {"api": {"waitForModelSeconds": 60}}))
        assert gateway(told)[1]["WAIT_FOR_MODEL_S"] == "60"
    at_once = render(merged(TRYOUT, {"api": {"waitForModelSeconds": 0}}))
    assert "WAIT_FOR_MODEL_S" not in gateway(at_once)[1]


def test_a_rollout_gives_gateways_the_time_to_find_their_store_and_no_time_for_models() -> None:
    """A worker's deadline has the time for its model; each pool has its own Deployment."""
    rendered = scenario("many")
    slow = {"workerPoolDefaults": {"loadTimeoutSeconds": 3000}}
    patient = render(merged(OWN_PARTS, slow))
    spec, env = gateway(rendered)
    assert spec["progressDeadlineSeconds"] > float(env["START_TIMEOUT_S"])
    assert spec["progressDeadlineSeconds"] == gateway(patient)[0]["progressDeadlineSeconds"]
    (worker,) = pools(patient).values()
    assert worker["spec"]["progressDeadlineSeconds"] > 3000
    assert len(pools(rendered)) == 3
