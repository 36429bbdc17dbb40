"""Gateways that an HPA scales."""

from testkit.cluster import GATEWAYS, Cluster, is_ready
from testkit.waiting import until

RELEASE = "scaling"
NAME = "inference-api"


def test_an_hpa_reads_what_gateways_use_and_no_upgrade_sets_their_number(
    installed: Cluster,
) -> None:
    """The chart renders no `replicas` then, so Kubernetes begins with one."""

    def conditions() -> dict[str, str]:
        status = installed.get("horizontalpodautoscalers", NAME)["status"]
        return {each["type"]: each["status"] for each in status.get("conditions", ())}

    until(lambda: conditions().get("ScalingActive") == "True", "the HPA to read their CPU", 180, 1)
    assert installed.get("horizontalpodautoscalers", NAME)["status"]["currentMetrics"]
    until(
        lambda: [is_ready(pod) for pod in installed.pods(GATEWAYS)] == [True, True],
        "as many gateways as the HPA wants",
        180,
        0.5,
    )
    generation = installed.get("deployments", NAME)["metadata"]["generation"]
    installed.helm("upgrade", "inference", "charts/inference", "--reset-then-reuse-values")
    assert installed.get("deployments", NAME)["metadata"]["generation"] == generation
    assert installed.get("deployments", NAME)["spec"]["replicas"] == 2
